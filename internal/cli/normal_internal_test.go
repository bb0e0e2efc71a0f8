package cli

import (
	"reflect"
	"testing"

	"signalbox/internal/config"
)

// Whatever makes the traffic another one makes its normal another one; what does not matter does not.
func TestReadsOf(t *testing.T) {
	base := func() *config.Config {
		return &config.Config{Sources: []config.Source{
			{Name: "log", Kind: config.SourceFile, Path: "/var/log/gw.log", Gateway: "edge", Format: "auto"},
			{Name: "metrics", Kind: config.SourceScrape, URL: "http://127.0.0.1:1/metrics"},
			{Name: "deploys", Kind: config.SourceChanges, Path: "/var/log/deploys"},
		}}
	}
	was := readsOf(base(), nil, &watchOptions{})
	if len(was) != 2 {
		t.Fatalf("%+v", was)
	}
	for name, change := range map[string]func(*config.Config){
		"path":    func(c *config.Config) { c.Sources[0].Path = "/var/log/other.log" },
		"gateway": func(c *config.Config) { c.Sources[0].Gateway = "other" },
		"fields":  func(c *config.Config) { c.Sources[0].Fields = map[string]string{"model": "m"} },
		"url":     func(c *config.Config) { c.Sources[1].URL = "http://127.0.0.1:2/metrics" },
		"fewer":   func(c *config.Config) { c.Sources = c.Sources[:1] },
	} {
		cfg := base()
		change(cfg)
		if reflect.DeepEqual(was, readsOf(cfg, nil, &watchOptions{})) {
			t.Errorf("another %s has the same normal", name)
		}
	}
	cfg := base()
	cfg.Sources[1].Every, cfg.Sources[2].Path = 7, "/elsewhere"
	if !reflect.DeepEqual(was, readsOf(cfg, nil, &watchOptions{})) {
		t.Error("how often a page is read makes another normal")
	}
	if a, b := readsOf(cfg, []string{"x.log"}, &watchOptions{}), readsOf(cfg, []string{"./x.log"}, &watchOptions{}); !reflect.DeepEqual(a, b) {
		t.Errorf("%v, %v", a, b)
	}
}

// Standard input may be anything, and what is read once has an end: for those nothing is kept.
func TestNormalOfNothing(t *testing.T) {
	a := &app{}
	st := &station{dir: t.TempDir()}
	for name, o := range map[string]struct {
		files []string
		once  bool
		keeps bool
	}{"a log": {files: []string{"x.log"}, keeps: true}, "a pipe": {files: []string{"-"}}, "with a pipe": {files: []string{"x.log", "-"}}, "once": {files: []string{"x.log"}, once: true}} {
		f, err := a.normalOf(&config.Config{}, o.files, &watchOptions{once: o.once}, st)
		if err != nil || (f != nil) != o.keeps {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}
