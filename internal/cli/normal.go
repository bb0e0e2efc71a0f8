package cli

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
)

// readsFrom is one source as far as it says what its traffic is: a console on others has another normal.
type readsFrom struct {
	Kind, Name             string
	Path, URL, Listen      string            `json:",omitempty"`
	Command                []string          `json:",omitempty"`
	Gateway, Env, Instance string            `json:",omitempty"`
	Format, Zone           string            `json:",omitempty"`
	Fields                 map[string]string `json:",omitempty"`
}

// normalOf gives the file of what is normal for these sources; nil where nothing tells them from others: standard input may
// be anything, and a log that is read once has an end.
func (a *app) normalOf(cfg *config.Config, files []string, o *watchOptions, st *station) (*desk.NormalFile, error) {
	list := readsOf(cfg, files, o)
	if o.once || len(list) == 0 || slices.ContainsFunc(list, func(r readsFrom) bool { return r.Path == "-" }) {
		return nil, nil //nolint:nilnil // there is nothing to keep
	}
	text, err := json.Marshal([]any{list, cfg.Inventory}) // keys of maps come in order
	if err != nil {
		return nil, &unreachable{what: "telling the sources from others", err: err}
	}
	f, err := desk.OpenNormal(filepath.Join(st.dir, "normal"), string(text), st.secrets, o.anew, time.Now())
	if err != nil {
		return nil, &unreachable{what: "keeping what is normal", err: err, try: "name another folder with --state-dir"}
	}
	return f, nil
}

func readsOf(cfg *config.Config, files []string, o *watchOptions) (list []readsFrom) {
	for _, f := range files {
		r := readsFrom{Kind: config.SourceFile, Path: f, Format: o.format, Zone: o.zone}
		if f != "-" {
			r.Path = absolute(f)
		}
		list = append(list, r)
	}
	if len(files) > 0 {
		return list
	}
	for _, s := range cfg.Sources {
		if !tellsOfTraffic(s) {
			continue
		}
		r := readsFrom{
			Kind: s.Kind, Name: s.Name, Path: s.Path, URL: s.URL, Listen: s.Listen, Command: s.Command, Gateway: s.Gateway,
			Env: cfg.SourceEnv(s), Instance: s.Instance, Format: s.Format, Zone: s.Zone, Fields: s.Fields,
		}
		if s.Kind == config.SourceFile && s.Path != "-" {
			r.Path = absolute(s.Path)
		}
		list = append(list, r)
	}
	return list
}
