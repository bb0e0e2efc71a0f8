package config

import (
	_ "embed" // for the example
	"encoding/json"
	"maps"
)

//go:embed example.yaml
var example []byte

// Example gives a commented configuration to begin with; it is valid as it stands.
func Example() []byte { return append([]byte(nil), example...) }

// Schema gives the JSON Schema of the file, for editors. It is built from the tables that read the file; references
// between parts of the file are beyond it.
func Schema() []byte {
	s := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Signalbox configuration",
	}
	maps.Copy(s, root().schema())
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the tables hold strings, numbers and maps of them, which always marshal
	}
	return append(b, '\n')
}
