package drill

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const longestControlBody = 64 << 10

// routes puts the control contract on mux, behind the token.
func (c *controls) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /controls", c.guarded(c.list))
	mux.HandleFunc("GET /controls/events", c.guarded(c.listEvents))
	mux.HandleFunc("GET /controls/{id}", c.guarded(c.show))
	mux.HandleFunc("PUT /controls/{id}", c.guarded(c.serveChange("set")))
	mux.HandleFunc("POST /controls/{id}/extend", c.guarded(c.serveChange("extended")))
	mux.HandleFunc("DELETE /controls/{id}", c.guarded(c.serveChange("reverted")))
}

func (c *controls) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(c.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, &refused{status: http.StatusUnauthorized, code: "unauthorized", message: "the controls need the fleet's bearer token"})
			return
		}
		next(w, r)
	}
}

func (c *controls) list(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, map[string]any{
		"gateway": gatewayName, "instance": c.instance, "now": time.Now().UTC(), "controls": c.all(),
	})
}

func (c *controls) show(w http.ResponseWriter, r *http.Request) {
	for _, one := range c.all() {
		if one.ID == r.PathValue("id") {
			sendControl(w, one)
			return
		}
	}
	refuse(w, &refused{status: http.StatusNotFound, code: "no_such_control", message: "no such control; GET /controls lists them"})
}

func (c *controls) listEvents(w http.ResponseWriter, r *http.Request) {
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.Atoi(text); err != nil {
			refuse(w, &refused{status: http.StatusBadRequest, code: "bad_cursor", message: "after: must be the next of an earlier answer, or 0"})
			return
		}
	}
	c.mu.Lock()
	events := []controlEvent{}
	for _, e := range c.events {
		if e.Seq > after {
			events = append(events, e)
		}
	}
	next := c.seq
	c.mu.Unlock()
	sendJSON(w, http.StatusOK, map[string]any{"next": next, "events": events})
}

func (c *controls) serveChange(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ch, no := readChange(w, r, verb)
		if no != nil {
			refuse(w, no)
			return
		}
		if ch.dryRun {
			c.preview(w, ch)
			return
		}
		next, no := c.make(ch)
		if no != nil {
			refuse(w, no)
			return
		}
		sendControl(w, next)
	}
}

func readChange(w http.ResponseWriter, r *http.Request, verb string) (change, *refused) {
	ch := change{verb: verb, id: r.PathValue("id"), key: r.Header.Get("Idempotency-Key")}
	dry := r.URL.Query().Get("dry_run")
	ch.dryRun = verb == "set" && dry != "" && dry != "0" && dry != "false"
	match := r.Header.Get("If-Match")
	if match == "" {
		return ch, &refused{status: http.StatusPreconditionRequired, code: "no_version", message: "a change needs If-Match with the version that was read"}
	}
	ch.ifMatch = strings.Trim(match, `"`)
	if ch.key == "" && !ch.dryRun {
		return ch, &refused{status: http.StatusBadRequest, code: "no_key", message: "a change needs an Idempotency-Key"}
	}
	if len(ch.key) > 200 {
		return ch, &refused{status: http.StatusBadRequest, code: "no_key", message: "the Idempotency-Key is longer than 200 bytes"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestControlBody))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &ch.body)
	}
	if err != nil {
		return ch, &refused{status: http.StatusBadRequest, code: "bad_body", message: fmt.Sprintf("the body is not a change: %v", err)}
	}
	ch.print = hash64(r.Method, r.URL.Path, string(body))
	return ch, nil
}

// preview answers what a change would do; it changes nothing.
func (c *controls) preview(w http.ResponseWriter, ch change) {
	e, next, _, no := c.begin(ch)
	if no != nil {
		refuse(w, no)
		return
	}
	inFlight, queued := e.affected()
	sendJSON(w, http.StatusOK, map[string]any{
		"dry_run": true, "control": next,
		"affected":  map[string]int{"in_flight": inFlight, "queued": queued},
		"conflicts": c.conflicts(next),
	})
}

// clash is another value in force that the change meets.
type clash struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
	SetBy string `json:"set_by"`
	Why   string `json:"why"`
}

// conflicts are the other set controls of the same scope, and what would be
// left of a model that loses a target.
func (c *controls) conflicts(next control) []clash {
	found := []clash{}
	for _, other := range c.all() {
		if other.ID == next.ID || other.ExpiresAt == nil {
			continue
		}
		for dim, value := range next.Scope {
			if other.Scope[dim] == value {
				found = append(found, clash{other.ID, other.Value, other.SetBy, "is set on the same " + dim})
			}
		}
	}
	if next.Kind == "target" && next.Value == "out" {
		found = append(found, c.stranded(next.Scope["deployment"])...)
	}
	return found
}

// stranded warns when the deployment is the last one of its model in rotation
// and the model has no fallback.
func (c *controls) stranded(deployment string) []clash {
	state := map[string]control{}
	for _, one := range c.all() {
		state[one.ID] = one
	}
	var model string
	for _, d := range deployments() {
		if d.Name == deployment {
			model = d.Model
		}
	}
	for _, d := range deployments() {
		if d.Model == model && d.Name != deployment && state["target."+d.Name].Value == "in" {
			return nil
		}
	}
	fallback := state["fallback."+model]
	if fallback.Value == true {
		return nil
	}
	return []clash{{fallback.ID, fallback.Value, fallback.SetBy, "nothing would be left for " + model + ": it is the last one in rotation and the fallback is off"}}
}

func sendControl(w http.ResponseWriter, one control) {
	w.Header().Set("ETag", `"`+one.Version+`"`)
	sendJSON(w, http.StatusOK, one)
}

func refuse(w http.ResponseWriter, no *refused) {
	body := map[string]any{"error": map[string]string{"code": no.code, "message": bounded(no.message, 500)}}
	if no.current != nil {
		body["current"] = no.current
	}
	if no.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(no.retryAfter/time.Second)+1))
	}
	sendJSON(w, no.status, body)
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client left: nobody to tell
}
