package cli

import (
	"slices"
	"testing"

	"signalbox/internal/config"
	"signalbox/sources/decode"
)

// The configuration may not import the decoders: this holds their lists of formats together.
func TestConfiguredFormatsAreDecoded(t *testing.T) {
	for what, lists := range map[string][2][]string{
		"formats":  {config.Formats(), append([]string{decode.Auto}, decode.Formats()...)},
		"wrappers": {config.Wrappers(), decode.Wrappers()},
	} {
		a, b := slices.Sorted(slices.Values(lists[0])), slices.Sorted(slices.Values(lists[1]))
		if !slices.Equal(a, b) {
			t.Errorf("%s of the configuration %v, of the decoders %v", what, a, b)
		}
	}
}
