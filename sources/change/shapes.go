package change

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// maxChanges bounds the changes of one request.
const maxChanges = 100

// object is one JSON object, untrusted.
type object map[string]any

var errNotObject = errors.New("this is not a JSON object")

func parse(body []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil || o == nil {
		return nil, errNotObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	return o, nil
}

// word gives the first of some members that is a text, a number or a truth.
func (o object) word(keys ...string) string {
	for _, k := range keys {
		switch v := o[k].(type) {
		case string:
			if v = strings.TrimSpace(v); v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// in gives the object under a path of keys; nil, which may be asked further, where there is none.
func (o object) in(keys ...string) object {
	for _, k := range keys {
		next, _ := o[k].(map[string]any)
		o = next
	}
	return o
}

func (o object) time(zone *time.Location, keys ...string) time.Time {
	for _, k := range keys {
		if t, ok := parseTime(o.word(k), zone); ok {
			return t
		}
	}
	return time.Time{}
}

// shapes are the forms of other systems that are known, asked in this order. The first that fits reads the object; ok
// false with a fit means that nothing was done yet.
var shapes = []func(r *reader, o object) (d draft, fits, ok bool){gitHubStatus, gitHubDeployment, argoCD, grafana}

// payload reads the body of a request: one change, or a list of them. done is false for what is well-formed and tells of
// nothing that was done.
func (r *reader) payload(body []byte, now time.Time) (facts []traffic.Fact, skewed int, err error) {
	body = bytes.TrimSpace(body)
	var all []json.RawMessage
	if len(body) > 0 && body[0] == '[' {
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, 0, errNotObject
		}
	} else {
		all = []json.RawMessage{body}
	}
	if len(all) > maxChanges {
		return nil, 0, fmt.Errorf("%d changes in one request: send %d at most", len(all), maxChanges)
	}
	for i, one := range all {
		o, err := parse(one)
		if err != nil {
			return nil, 0, err
		}
		d, ok := r.shaped(o)
		if !ok {
			continue
		}
		f, late, err := r.fact(d, now)
		if err != nil {
			if len(all) > 1 {
				err = fmt.Errorf("change %d: %w", i+1, err)
			}
			return nil, 0, err
		}
		if late {
			skewed++
		}
		facts = append(facts, f)
	}
	return facts, skewed, nil
}

func (r *reader) shaped(o object) (draft, bool) {
	for _, shape := range shapes {
		if d, fits, ok := shape(r, o); fits {
			return d, ok
		}
	}
	return r.own(o), true
}

// own reads our own form, and whatever else has a text, title or message.
func (r *reader) own(o object) draft {
	d := draft{
		at: o.time(r.zone, "time", "at", "timestamp", "ts", "date", "when"), until: o.time(r.zone, "until", "end", "timeEnd", "ends"),
		kind: o.word("kind", "type", "category", "event_type"), title: o.word("title", "subject", "name"), text: o.word("text", "message", "msg", "summary", "description"),
		who: o.word("who", "user", "author", "by", "actor", "username"), scope: make(map[string]string),
	}
	if d.who == "" {
		d.who = o.in("user").word("login", "name", "email")
	}
	for _, from := range []object{o, o.in("scope")} {
		for _, dim := range ScopeDims {
			if v := from.word(dim); v != "" {
				d.scope[dim] = v
			}
		}
	}
	if v := o.word("environment"); v != "" && d.scope["env"] == "" {
		d.scope["env"] = r.env(v)
	}
	return d
}

// gitHubDeployment reads GitHub's event "deployment": a deployment was asked for.
func gitHubDeployment(r *reader, o object) (draft, bool, bool) {
	dep := o.in("deployment")
	if dep == nil || dep.word("ref", "sha") == "" {
		return draft{}, false, false
	}
	return r.gitHub(o, dep, "asked for", dep.time(r.zone, "created_at", "updated_at")), true, true
}

// gitHubStatus reads GitHub's event "deployment_status". That one is queued changes nothing yet.
func gitHubStatus(r *reader, o object) (draft, bool, bool) {
	st := o.in("deployment_status")
	if st == nil || st.word("state") == "" {
		return draft{}, false, false
	}
	state := st.word("state")
	d := r.gitHub(o, o.in("deployment"), strings.ReplaceAll(state, "_", " "), st.time(r.zone, "updated_at", "created_at"))
	if env := st.word("environment"); env != "" && d.scope["env"] == "" {
		d.scope["env"] = r.env(env)
	}
	return d, true, state != "queued" && state != "pending" && state != "waiting"
}

func (r *reader) gitHub(o, dep object, state string, at time.Time) draft {
	env, sha := dep.word("environment"), dep.word("sha")
	ref := dep.word("ref")
	if ref == "" || ref == sha {
		ref = sha[:min(len(sha), 8)]
	}
	d := draft{at: at, kind: traffic.ChangeDeploy, scope: map[string]string{"env": r.env(env)}, text: dep.word("description")}
	d.title = strings.TrimSpace("deployment of " + strings.TrimSpace(o.in("repository").word("full_name", "name")+" "+ref))
	if env != "" {
		d.title += " to " + env
	}
	d.title += " " + state
	d.who = dep.in("creator").word("login")
	if who := o.in("sender").word("login"); who != "" {
		d.who = who
	}
	return d
}

// argoCD reads what notifications of Argo CD send: the application as an object, or its name beside its revision, phase
// and message, as the templates of its documentation have it.
func argoCD(r *reader, o object) (draft, bool, bool) {
	d := draft{kind: traffic.ChangeDeploy, scope: map[string]string{}}
	app := o.in("app")
	if app == nil && o.word("kind") == "Application" {
		app = o
	}
	name, revision, phase := o.word("app", "application", "appName"), o.word("revision", "commit"), o.word("phase", "sync_status", "syncStatus", "status", "state")
	switch {
	case app != nil && app.in("metadata").word("name") != "":
		op := app.in("status", "operationState")
		name, phase = app.in("metadata").word("name"), op.word("phase")
		revision = op.in("syncResult").word("revision")
		if revision == "" {
			revision = app.in("status", "sync").word("revision")
		}
		d.at = op.time(r.zone, "finishedAt", "startedAt")
		d.text = op.word("message")
		d.who = op.in("operation", "initiatedBy").word("username")
	case name != "" && (revision != "" || phase != ""):
		d.at = o.time(r.zone, "time", "timestamp", "finishedAt", "at")
		d.text = o.word("message", "text", "summary")
		d.who = o.word("who", "user", "author")
		d.scope["env"] = r.env(o.word("env", "environment"))
	default:
		return d, false, false
	}
	d.title = "sync of " + name
	if revision != "" {
		d.title += " to " + revision[:min(len(revision), 12)]
	}
	if phase != "" {
		d.title += " " + phase
	}
	return d, true, phase != "Running"
}

// grafana reads an annotation: a time in milliseconds, a text, and tags, of which some may say the kind or name a
// dimension, as in model:gpt-4o.
func grafana(r *reader, o object) (draft, bool, bool) {
	tags, ok := o["tags"].([]any)
	if !ok || o.word("text") == "" {
		return draft{}, false, false
	}
	d := r.own(o)
	if d.who == "" {
		d.who = o.word("login")
	}
	for _, t := range tags[:min(len(tags), 50)] {
		tag, _ := t.(string)
		if dim, value, ok := dimOf(tag); ok && d.scope[dim] == "" {
			d.scope[dim] = value
			if dim == "env" {
				d.scope[dim] = r.env(value)
			}
		} else if d.kind == "" && kindOf(tag) != traffic.ChangeOther {
			d.kind = tag
		}
	}
	return d, true, true
}
