package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLoadCounts(t *testing.T) {
	var n, long atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Messages []map[string]string
			Model    string
			Stream   bool
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != "/v1/chat/completions" || r.Header.Get("X-Workload") == "" {
			t.Errorf("%v %s %v", err, r.URL, r.Header)
		}
		if len(asked.Messages[0]["content"]) > 30_000 {
			long.Add(1)
		}
		n.Add(1)
		switch {
		case asked.Model == "bad":
			http.Error(w, "", http.StatusBadGateway)
		case asked.Stream:
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {}\n\n") // no end
		}
	}))
	defer srv.Close()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-url", srv.URL, "-rate", "200", "-for", "300ms", "-models", "good,bad", "-stream", "1", "-long", "1"}, &out); err != nil {
		t.Fatal(err)
	}
	if n.Load() == 0 || long.Load() != n.Load() || !strings.Contains(out.String(), "good  200, cut") || !strings.Contains(out.String(), "bad   502") {
		t.Errorf("%d requests, %d long\n%s", n.Load(), long.Load(), out.String())
	}
}

func TestLoadIsBounded(t *testing.T) {
	for _, args := range [][]string{{"-rate", "0"}, {"-rate", "100000"}, {"-for", "100h"}, {"-x"}} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
