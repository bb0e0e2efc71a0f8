package contract

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"signalbox/internal/gateway"
)

// The ends that a gateway gives are by its own clock: shown by ours, a lever ends when it says.
func TestEndsAreToldByOurClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Second, time.Minute, -time.Minute} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			now := time.Now().Add(ahead)
			fmt.Fprintf(w, `{"gateway":"llm","instance":"gw-1","now":%q,"controls":[{"id":"cap.eu","kind":"cap","scope":{"deployment":"eu"},"value":4,"base":50,
				"version":"7","set_by":"ana","reason":"r","incident":"","expires_at":%q,"on_excess":"wait","instances":[]}]}`,
				now.Format(time.RFC3339Nano), now.Add(10*time.Minute).Format(time.RFC3339Nano))
		}))
		d := New(Options{Gateway: "llm", Instances: []Instance{{Name: "gw-1", URL: srv.URL}}, Timeout: 30 * time.Second})
		asked := time.Now()
		st, err := d.Read(t.Context())
		heard := time.Now()
		srv.Close()
		if err != nil || len(st.Instances) != 1 || len(st.Instances[0].Controls) != 1 {
			t.Fatalf("%+v, %v", st, err)
		}
		i := st.Instances[0]
		end, slack := i.Controls[0].ExpiresAt, clockSlack+heard.Sub(asked)
		if end == nil || end.Before(asked.Add(10*time.Minute-slack)) || end.After(heard.Add(10*time.Minute+slack)) {
			t.Errorf("%s ahead: it ends in %s", ahead, time.Until(*end))
		}
		if told := len(i.Notes) > 0; told != (ahead.Abs() > 30*time.Second) {
			t.Errorf("%s ahead: notes %q", ahead, i.Notes)
		}
		r, end := d.peers[0].receipt(gateway.InstanceReceipt{Name: "gw-1", Control: "cap.eu"}, answer{status: 200, body: []byte(fmt.Sprintf(
			`{"id":"cap.eu","kind":"cap","scope":{"deployment":"eu"},"value":4,"base":50,"version":"8","expires_at":%q}`,
			time.Now().Add(ahead+10*time.Minute).Format(time.RFC3339Nano)))}, http.MethodPut, gateway.Value("4"))
		if !r.OK || end == nil || time.Until(*end) > 10*time.Minute+slack || time.Until(*end) < 10*time.Minute-slack-time.Minute/2 {
			t.Errorf("%s ahead: the answer to a change: %+v, ends %v", ahead, r, end)
		}
	}
}
