package decode

import (
	"bytes"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// pages are the paths that the lines of one web server or proxy name.
type pages struct{ ends map[string]bool }

func newPages() pages { return pages{ends: make(map[string]bool)} }

// keep keeps what a path says: the endpoint, and the names that some interfaces have in their paths.
func (p *pages) keep(d *draft, target []byte) {
	end := path(target)
	if deployment, model := namesInPath(end); len(deployment)+len(model) > 0 {
		d.set(fDeployment, 10, 0, value{kind: stringValue, bytes: deployment})
		d.set(fModel, 10, 0, value{kind: stringValue, bytes: model})
	}
	end = plainEndpoint(end)
	if !p.ends[string(end)] {
		if len(p.ends) >= maxEndpoints {
			end = []byte("other")
		} else {
			p.ends[string(end)] = true
		}
	}
	d.set(fEndpoint, 1, 0, value{kind: stringValue, bytes: end})
}

// uncounted says why a request is not one that counts, "" if it does.
func uncounted(method, target []byte) string {
	switch {
	case selfCheck(target):
		return "a health check or a metrics page"
	case string(method) == "OPTIONS":
		return "a question for options, not a request"
	}
	return ""
}

// settlePage says of a record what its status says at least.
func settlePage(rec *traffic.Record, target []byte, status int) {
	switch {
	case status == 404 && !callsModel(target):
		rec.Outcome = traffic.NewOutcome(fault.BadRequest, status) // a page that is not there is no missing model
	case status >= 400:
		settle(rec, statusClass(status))
	}
}

// lastOf gives the last entry of one of nginx's lists, which has an entry for each server that was tried:
// "10.0.0.1:80, 10.0.0.2:80". A colon stands between entries where the request was sent on inside of nginx.
func lastOf(list []byte) (last []byte, entries int) {
	if len(bytes.TrimSpace(list)) == 0 || string(list) == "-" {
		return nil, 0
	}
	for {
		i := bytes.IndexByte(list, ',')
		if j := bytes.Index(list, []byte(" : ")); j >= 0 && (i < 0 || j < i) {
			i = j + 1
		}
		entries++
		if i < 0 || entries > maxAttempts {
			return bytes.TrimSpace(list), entries
		}
		list = list[i+1:]
	}
}

// maxAttempts bounds how many entries of a list are counted.
const maxAttempts = 100
