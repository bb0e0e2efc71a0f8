package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The clock of a server is asked over a connection that is not kept: Envoy's admin answers HEAD with a body, of which net/http would
// write all to the terminal when it finds it on an idle connection.
func TestClockKeepsNoConnection(t *testing.T) {
	closed := make(chan bool, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { closed <- r.Close }))
	defer s.Close()
	var i inspection
	i.clock(t.Context(), s.URL, "gateway", http.DefaultTransport)
	if !<-closed {
		t.Error("the connection is kept")
	}
	if len(i.lines) != 1 || i.lines[0].State != checkOK || !strings.Contains(i.lines[0].Text, "agrees with ours") {
		t.Errorf("told %+v", i.lines)
	}
}
