package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
)

// extras reads what people append to the combined format: name=value pairs, and a last number with a point,
// which is nginx's $request_time in seconds. A last number without one is Apache's %D or %T, or a size: its
// unit is not named, so it is left alone.
func (a *access) extras(rest []byte) {
	pairs(rest, a.extra)
	last := rest[bytes.LastIndexAny(rest, " \"")+1:]
	switch whole, part, point := bytes.Cut(last, []byte(".")); {
	case point && numeric(whole) && numeric(part):
		a.d.set(fLatency, 5, time.Second, value{kind: numberValue, bytes: last})
	case len(last) > 2 && numeric(last[:len(last)-2]) && bytes.HasSuffix(last, []byte("ms")): // Traefik
		a.d.set(fLatency, 5, time.Millisecond, value{kind: numberValue, bytes: last[:len(last)-2]})
	}
}

// extraSpans are the names under which nginx's $request_time is logged, and, where it is not, that of the
// upstream's answer. Both count seconds.
var extraSpans = map[string]uint8{
	"rt": 1, "requesttime": 1, "reqtime": 1, "rtime": 2, "urt": 20, "upstreamresponsetime": 20, "upstreamtime": 20,
}

// extra takes one pair. Only what names the request is taken: its time and status stand in their places.
func (a *access) extra(name []byte, v value) {
	if rank, ok := extraSpans[fold(name)]; ok {
		if n := bytes.LastIndexAny(v.bytes, ",:"); n < 0 { // several upstreams were tried: several times
			a.d.set(fLatency, rank, time.Second, v)
		}
		return
	}
	t, ok := a.names.find(name)
	if !ok {
		return
	}
	switch t.f {
	case fRequestID, fProvider, fModel, fServed, fRegion, fDeployment, fCaller, fHost, fTokensIn, fTokensOut, fTokensCached:
		a.d.set(t.f, t.rank, 0, v)
	case fLatency, fTTFT:
		if t.unit != 0 {
			a.d.set(t.f, t.rank, t.unit, v)
		}
	}
}

// statusClass is the least that a failed status says.
func statusClass(status int) fault.Class {
	if status < 500 {
		return fault.BadRequest
	}
	return fault.ServerError
}

// requestLine splits "POST /v1/x HTTP/1.1". It refuses what is no request: "-", a TLS greeting.
func requestLine(b []byte) (method, target []byte, ok bool) {
	method, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok || len(method) < 3 || len(method) > 20 {
		return nil, nil, false
	}
	for _, c := range method {
		if c < 'A' || c > 'Z' {
			return nil, nil, false
		}
	}
	target, _, _ = bytes.Cut(rest, []byte(" "))
	if i := bytes.Index(target, []byte("://")); i > 0 && i < 8 { // a proxy is asked for the whole address
		host := target[i+3:]
		slash := bytes.IndexByte(host, '/')
		if slash < 0 {
			return method, []byte("/"), true
		}
		target = host[slash:]
	}
	return method, target, len(target) > 0 && target[0] == '/'
}

// selfChecks are the pages by which a server's keepers look after it.
var selfChecks = map[string]bool{
	"health": true, "healthz": true, "metrics": true, "ready": true, "readyz": true, "live": true, "livez": true, "healthcheck": true,
	"liveness": true, "liveliness": true, "readiness": true, "ping": true, "favicon.ico": true, "nginx_status": true, "stub_status": true,
	"server-status": true, "-": true,
}

// selfCheck tells whether a path is one of them, by its first or last part.
func selfCheck(target []byte) bool {
	p := bytes.Trim(path(target), "/")
	first, _, _ := bytes.Cut(p, []byte("/"))
	return selfChecks[string(first)] || selfChecks[string(p[bytes.LastIndexByte(p, '/')+1:])]
}

// callsModel tells whether a path is one by which a model is asked.
func callsModel(target []byte) bool {
	p := path(target)
	for _, end := range []string{"/completions", "/messages", "/embeddings", "/responses", "/invoke", "/converse", "ontent", "/rerank", "/api/chat", "/api/generate", "/api/embed"} {
		if bytes.HasSuffix(p, []byte(end)) {
			return true
		}
	}
	return false
}

// Bounds on the endpoints that are told apart, because whoever asks chooses the path.
const (
	maxEndpoints = 256
	maxEndpoint  = 120
	maxParts     = 8
)

// plainEndpoint makes one endpoint of the paths that differ in an id, and cuts long ones.
func plainEndpoint(p []byte) []byte {
	whole := len(p) <= maxEndpoint && bytes.Count(p, []byte("/")) <= maxParts
	parts := bytes.Split(p, []byte("/"))
	for i, part := range parts {
		if i > maxParts {
			parts = append(parts[:i], []byte("..."))
			break
		}
		if idLike(part) || numeric(part) || len(part) > 60 {
			parts[i], whole = []byte("*"), false
		}
	}
	if whole {
		return p
	}
	return joinedEndpoint(parts)
}

func joinedEndpoint(parts [][]byte) []byte {
	p := bytes.Join(parts, []byte("/"))
	return p[:min(len(p), maxEndpoint)]
}

// namesInPath finds what Azure, Vertex and Bedrock have in their paths.
func namesInPath(p []byte) (deployment, model []byte) {
	for before, rest, more := bytes.Cut(p, []byte("/")); more; before, rest, more = bytes.Cut(rest, []byte("/")) {
		part, tail, inner := bytes.Cut(rest, []byte("/"))
		switch string(before) {
		case "deployments":
			deployment = part
		case "models":
			if name, _, verb := bytes.Cut(part, []byte(":")); verb {
				model = name
			}
		case "model":
			if inner && (bytes.HasPrefix(tail, []byte("invoke")) || bytes.HasPrefix(tail, []byte("converse"))) {
				model = part
			}
		}
	}
	return deployment, model
}
