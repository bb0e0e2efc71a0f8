package drill

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// complete says why an answer that came with status 200 is none: it does not
// say that it is finished, or it is not the JSON that was asked for.
func (x *exchange) complete(text, finish string) *failure {
	if finish == "" {
		return &failure{
			Code: codeTruncated, Type: "truncated",
			Message: "stream closed before it was complete: no finish_reason and no [DONE]",
		}
	}
	f := x.req.ResponseFormat
	if f == nil || f.Type == "text" || finish != "stop" {
		return nil
	}
	var schema json.RawMessage
	if f.JSONSchema != nil {
		schema = f.JSONSchema.Schema
	}
	if err := conforms(text, schema); err != nil {
		return &failure{Code: codeInvalid, Type: "invalid_output", Message: "the answer is not the JSON that was asked for: " + err.Error()}
	}
	return nil
}

// conforms checks text against a JSON schema; without one it must only be JSON.
func conforms(text string, schema json.RawMessage) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return fmt.Errorf("no valid JSON: %w", err)
	}
	if len(schema) == 0 {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("the schema is no JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // a client's schema may not read files or the network
	const place = "memory:schema"
	if err := c.AddResource(place, doc); err != nil {
		return fmt.Errorf("the schema cannot be read: %w", err)
	}
	compiled, err := c.Compile(place)
	if err != nil {
		return fmt.Errorf("the schema is invalid: %w", err)
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return nil
}
