package litellm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// A control of a proxy with a database is named by one of these words and LiteLLM's own id.
const (
	modelKnob    = "model"    // "in" or "out": a deployment that is stored in the database
	fallbackKnob = "fallback" // the list of a model's general fallbacks; [] for none
	teamKnob     = "team"     // true: blocked
	keyKnob      = "key"      // true: blocked
	limitKnob    = "keylimit" // max_parallel_requests of a key; null for none
)

// What is shown of a proxy; more is counted.
const (
	mostModels = 200 // whose fallbacks are asked for, one request each
	atOnce     = 8   // of these requests
	pageOfKeys = 100 // the largest that /key/list gives
	mostPages  = 10
)

var (
	none    = gateway.Value("[]")
	outside = gateway.Value(`"out"`)
	inside  = gateway.Value(`"in"`)
)

// knob is one control as a proxy shows it.
type knob struct {
	kind  string
	id    string // LiteLLM's own: a deployment's, a model's name, a team's, the hash of a key
	name  string // what a scope calls it
	value gateway.Value
	base  gateway.Value
	rev   string
}

func (k *knob) control() string { return k.kind + " " + k.id }

func (k *knob) dim() string {
	switch k.kind {
	case modelKnob:
		return "deployment"
	case fallbackKnob:
		return "model"
	}
	return "workload"
}

func (k *knob) verb() gateway.Verb {
	switch k.kind {
	case modelKnob:
		return gateway.TargetOut
	case fallbackKnob:
		return gateway.FallbackOff
	case limitKnob:
		return gateway.CapSet
	}
	return gateway.WorkloadPause
}

// modelRow is an entry of /model/info, as far as it is used.
type modelRow struct {
	Name string `json:"model_name"`
	Info struct {
		ID      string `json:"id"`
		Stored  bool   `json:"db_model"`
		Blocked bool   `json:"blocked"`
	} `json:"model_info"`
}

func (d *Driver) models(ctx context.Context, i Instance) ([]modelRow, error) {
	var list struct {
		Data []modelRow `json:"data"`
	}
	if err := d.fetch(ctx, i, "/model/info", &list); err != nil {
		return nil, err
	}
	return list.Data, nil
}

func (m *modelRow) knob() knob {
	k := knob{kind: modelKnob, id: m.Info.ID, name: m.Info.ID, value: inside, base: inside}
	if m.Info.Blocked {
		k.value = outside
	}
	return k
}

// fallback reads the general fallbacks of a model. LiteLLM answers 404 where there are none.
func (d *Driver) fallback(ctx context.Context, i Instance, model string) (knob, error) {
	var answer struct {
		Models []string `json:"fallback_models"`
	}
	err := d.fetch(ctx, i, "/fallback/"+url.PathEscape(model), &answer)
	var no *refusedError
	if errors.As(err, &no) && no.status == http.StatusNotFound && no.detail {
		err, answer.Models = nil, nil
	}
	if err != nil {
		return knob{}, err
	}
	return d.seen(i, model, answer.Models)
}

// fallbacks reads those of several models, also of models without any: a lever that took them away is looked for there.
func (d *Driver) fallbacks(ctx context.Context, i Instance, models []string) (out []knob, notes []string) {
	out = make([]knob, len(models))
	errs := make([]error, len(models))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for n, model := range models {
		if strings.Contains(model, "/") {
			continue // no call can address it
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			out[n], errs[n] = d.fallback(ctx, i, model)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			notes = append(notes, err.Error())
			break // the others say the same
		}
	}
	return slices.DeleteFunc(out, func(k knob) bool { return k.kind == "" }), notes
}

// seen notes a list of fallbacks. LiteLLM forgets one that is taken away, so the base is the last that was seen.
func (d *Driver) seen(i Instance, model string, list []string) (knob, error) {
	value := none
	if len(list) > 0 {
		b, err := json.Marshal(list)
		if err != nil {
			return knob{}, fmt.Errorf("the fallbacks of %s: %w", model, err)
		}
		value = b
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lists == nil {
		d.lists = make(map[string]map[string][]string)
	}
	if d.lists[i.Name] == nil {
		d.lists[i.Name] = make(map[string][]string)
	}
	if len(list) > 0 {
		d.lists[i.Name][model] = list
	}
	base := none
	if known := d.lists[i.Name][model]; len(known) > 0 {
		base, _ = json.Marshal(known) // strings always can be
	}
	return knob{kind: fallbackKnob, id: model, name: model, value: value, base: base}, nil
}

// teams reads the teams, as far as they can be named.
func (d *Driver) teams(ctx context.Context, i Instance) ([]knob, error) {
	var list []struct {
		ID      string `json:"team_id"`
		Alias   string `json:"team_alias"`
		Blocked bool   `json:"blocked"`
		At      string `json:"updated_at"`
	}
	if err := d.fetch(ctx, i, "/team/list", &list); err != nil {
		return nil, err
	}
	var out []knob
	for _, t := range list {
		k := knob{kind: teamKnob, id: t.ID, name: t.Alias, value: boolean(t.Blocked), base: boolean(false), rev: t.At}
		if k.name == "" {
			k.name = t.ID
		}
		out = append(out, k)
	}
	return out, nil
}

// keyPage is an answer of /key/list, as far as it is used.
type keyPage struct {
	Keys []struct {
		Token   string `json:"token"`
		Alias   string `json:"key_alias"`
		Blocked bool   `json:"blocked"`
		Limit   *int64 `json:"max_parallel_requests"`
		At      string `json:"updated_at"`
	} `json:"keys"`
	Total int `json:"total_count"`
	Pages int `json:"total_pages"`
}

// keys reads keys that match a filter of /key/list, each as two controls, how many were looked at and how many there are.
func (d *Driver) keys(ctx context.Context, i Instance, filter string) (out []knob, seen, total int, err error) {
	for page := 1; page <= mostPages; page++ {
		var list keyPage
		if err := d.fetch(ctx, i, fmt.Sprintf("/key/list?return_full_object=true&page=%d&size=%d%s", page, pageOfKeys, filter), &list); err != nil {
			return nil, 0, 0, err
		}
		for _, k := range list.Keys {
			if k.Alias == "" || k.Token == "" {
				continue // no scope can name it
			}
			limit := gateway.Value("null")
			if k.Limit != nil {
				limit = gateway.Value(strconv.FormatInt(*k.Limit, 10))
			}
			out = append(out,
				knob{kind: keyKnob, id: k.Token, name: k.Alias, value: boolean(k.Blocked), base: boolean(false), rev: k.At},
				knob{kind: limitKnob, id: k.Token, name: k.Alias, value: limit, base: limit, rev: k.At})
		}
		seen, total = seen+len(list.Keys), list.Total
		if page >= list.Pages || len(list.Keys) == 0 {
			break
		}
	}
	return out, seen, total, nil
}

func boolean(b bool) gateway.Value { return gateway.Value(strconv.FormatBool(b)) }

// readNative reads all that can be steered of a proxy with a database.
func (d *Driver) readNative(ctx context.Context, i Instance) ([]gateway.Control, []string, error) {
	rows, err := d.models(ctx, i)
	if err != nil {
		return nil, nil, err
	}
	var all []knob
	var notes, names []string
	filed := 0
	for _, m := range rows {
		names = append(names, m.Name)
		if !m.Info.Stored {
			filed++
			continue
		}
		all = append(all, m.knob())
	}
	if filed > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d deployments stand in its configuration file: /model/block does not take them", filed, len(rows)))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > mostModels {
		notes = append(notes, fmt.Sprintf("fallbacks are shown for %d of %d models", mostModels, len(names)))
		names = names[:mostModels]
	}
	lists, odd := d.fallbacks(ctx, i, names)
	all, notes = append(all, lists...), append(notes, odd...)
	teams, err := d.teams(ctx, i)
	if err != nil {
		notes = append(notes, err.Error())
	}
	keys, seen, total, err := d.keys(ctx, i, "")
	if err != nil {
		notes = append(notes, err.Error())
	} else if total > seen {
		notes = append(notes, fmt.Sprintf("%d of %d keys are shown", seen, total))
	}
	out := make([]gateway.Control, 0, len(all)+len(teams)+len(keys))
	for _, k := range slices.Concat(all, teams, keys) {
		out = append(out, k.shown(d.opts.Gateway))
	}
	return out, notes, nil
}

func (k *knob) shown(gw string) gateway.Control {
	return gateway.Control{
		ID: redact.Outside(k.control(), 200), Verb: k.verb(), Value: k.value, Base: k.base, Version: redact.Outside(k.rev, 60),
		Scope: traffic.Scope{"gateway": gw, k.dim(): redact.Outside(k.name, 120)},
	}
}

// one reads the control of this name.
func (d *Driver) one(ctx context.Context, i Instance, control string) (knob, error) {
	kind, id, _ := strings.Cut(control, " ")
	var all []knob
	var err error
	switch kind {
	case modelKnob:
		var rows []modelRow
		rows, err = d.models(ctx, i)
		for _, m := range rows {
			if m.Info.Stored {
				all = append(all, m.knob())
			}
		}
	case fallbackKnob:
		return d.fallback(ctx, i, id)
	case teamKnob:
		all, err = d.teams(ctx, i)
	case keyKnob, limitKnob:
		all, _, _, err = d.keys(ctx, i, "&key_hash="+url.QueryEscape(id))
	}
	if err != nil {
		return knob{}, err
	}
	at := slices.IndexFunc(all, func(k knob) bool { return k.control() == control })
	if at < 0 {
		return knob{}, fmt.Errorf("%s has no %s any more; read again", i.Name, redact.Outside(control, 120))
	}
	return all[at], nil
}

// call is the request that gives a control a value. It is built anew from control and value before it is sent, so that
// nothing else ever is.
func (d *Driver) call(i Instance, control string, v gateway.Value) (gateway.Call, error) {
	kind, id, _ := strings.Cut(control, " ")
	c := gateway.Call{Instance: i.Name, Method: http.MethodPost}
	var body any
	var err error
	switch kind {
	case fallbackKnob:
		if gateway.Same(v, none) {
			c.Method, c.Path = http.MethodDelete, "/fallback/"+url.PathEscape(id)
			break
		}
		var list []string
		if err = json.Unmarshal(v, &list); err == nil && len(list) == 0 {
			err = errors.New("no list of models")
		}
		c.Path, body = "/fallback", map[string]any{"model": id, "fallback_models": list, "fallback_type": "general"}
	case limitKnob:
		var n *int64
		if err = json.Unmarshal(v, &n); err == nil && n != nil && *n < 0 {
			err = errors.New("less than none")
		}
		c.Path, body = "/key/update", map[string]any{"key": id, "max_parallel_requests": n}
	default:
		c.Path, body, err = blocking(kind, id, v)
	}
	if err != nil {
		return c, fmt.Errorf("%s cannot be set to %s: %w", redact.Outside(control, 120), redact.Outside(string(v), 80), err)
	}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return c, fmt.Errorf("writing the call for %s: %w", control, err)
		}
		c.Body = string(b)
	}
	c.Text = d.line(i, c)
	return c, nil
}

// blocking gives path and body of the calls that block a deployment, a team or a key, and let it in again.
func blocking(kind, id string, v gateway.Value) (string, any, error) {
	field := map[string]string{modelKnob: "model_id", teamKnob: "team_id", keyKnob: "key"}[kind]
	out, in := boolean(true), boolean(false)
	if kind == modelKnob {
		out, in = outside, inside
	}
	body := map[string]string{field: id}
	switch {
	case field == "":
		return "", nil, errors.New("there is no such control")
	case gateway.Same(v, out):
		return "/" + kind + "/block", body, nil
	case gateway.Same(v, in):
		return "/" + kind + "/unblock", body, nil
	}
	return "", nil, errors.New("it is blocked or not")
}

// line words a call as an operator could type it.
func (d *Driver) line(i Instance, c gateway.Call) string {
	s := "curl -sS -X " + c.Method + ` -H "Authorization: Bearer $TOKEN"`
	if c.Body != "" {
		s += " -H 'Content-Type: application/json' -d " + gateway.Line([]string{c.Body})
	}
	s += " " + gateway.Line([]string{i.URL + c.Path})
	if u, err := url.Parse(i.URL); err == nil && d.opts.Through != nil {
		s += "  # sent from where `" + d.opts.Through("tcp", u.Host) + "` leads"
	}
	return s
}
