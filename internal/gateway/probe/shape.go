package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// misshapen says what is wrong with the shape of an answer to a request with a response_format, "" where nothing is.
func misshapen(format json.RawMessage, text string) string {
	var f struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if len(format) == 0 || json.Unmarshal(format, &f) != nil || !strings.HasPrefix(f.Type, "json") {
		return ""
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return "the answer is not the JSON that was asked for"
	}
	if _, object := value.(map[string]any); !object {
		return "the answer is JSON, but no object"
	}
	if len(f.JSONSchema.Schema) == 0 {
		return ""
	}
	schema, err := schemaOf(f.JSONSchema.Schema)
	if err != nil {
		return "" // the request's own mistake: nothing can be said of the answer
	}
	var bad *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &bad) {
		where := "/" + strings.Join(deepest(bad).InstanceLocation, "/")
		return "the answer does not fit the schema at " + where
	}
	return ""
}

func deepest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return e
}

// nowhere loads nothing: a schema names no file and no address.
type nowhere struct{}

func (nowhere) Load(string) (any, error) {
	return nil, errors.New("a probe's schema stands for itself")
}

func schemaOf(raw json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource("probe.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("probe.json")
}
