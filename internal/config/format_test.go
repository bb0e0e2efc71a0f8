package config

import "testing"

func TestLineFormat(t *testing.T) {
	for format, ok := range map[string]bool{
		"auto": true, "json": true, "cri": true, "cri+json": true, "cri+auto": true, "kubectl+cri+json": true,
		"nonsense": false, "cri+nonsense": false, "json+cri": false, "cri+": false, "+json": false, "+": false,
	} {
		_, err := Parse("f.yaml", []byte("version: 1\nsources: [{name: a, kind: file, path: x, format: \""+format+"\"}]\n"))
		if (err == nil) != ok {
			t.Errorf("%s: %v", format, err)
		}
	}
}
