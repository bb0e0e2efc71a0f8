package scrape

import (
	"math"
	"strconv"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// pageMaps are the kinds of pages that are known.
var pageMaps = []*pageMap{haproxyMap, gatewayMap}

// haproxyMap reads the page of HAProxy's exporter. A deployment is "backend/server". Queues of a backend,
// which wait for any of its servers, stand under the backend's name alone.
var haproxyMap = &pageMap{
	name: "haproxy",
	sign: []string{"haproxy_server_status", "haproxy_server_current_sessions", "haproxy_process_start_time_seconds"},
	read: map[string]func(map[string]string, float64) (row, bool){
		"haproxy_server_current_sessions":     haproxyGauge(traffic.Inflight),
		"haproxy_server_current_queue":        haproxyGauge(traffic.Queue),
		"haproxy_backend_current_queue":       haproxyBackend,
		"haproxy_server_limit_sessions":       haproxyLimit,
		"haproxy_server_status":               haproxyStatus,
		"haproxy_server_http_responses_total": haproxyResponses,
	},
}

func haproxyPlace(labels map[string]string) (map[string]string, bool) {
	proxy, server := labels["proxy"], labels["server"]
	if proxy == "" || server == "" {
		return nil, false
	}
	return map[string]string{"deployment": proxy + "/" + server, "backend": proxy, "server": server}, true
}

func haproxyGauge(name traffic.GaugeName) func(map[string]string, float64) (row, bool) {
	return func(labels map[string]string, value float64) (row, bool) {
		place, ok := haproxyPlace(labels)
		return row{place: place, gauge: name, value: value}, ok && !math.IsNaN(value)
	}
}

func haproxyBackend(labels map[string]string, value float64) (row, bool) {
	proxy := labels["proxy"]
	return row{place: map[string]string{"deployment": proxy, "backend": proxy}, gauge: traffic.Queue, value: value}, proxy != "" && !math.IsNaN(value)
}

// haproxyLimit reads a server's maxconn: none is written as NaN or 0.
func haproxyLimit(labels map[string]string, value float64) (row, bool) {
	place, ok := haproxyPlace(labels)
	if math.IsNaN(value) || value <= 0 {
		value = -1
	}
	return row{place: place, gauge: traffic.Limit, value: value}, ok
}

// haproxyStatus reads the one row of a server's states that is 1. Only UP takes new traffic.
func haproxyStatus(labels map[string]string, value float64) (row, bool) {
	place, ok := haproxyPlace(labels)
	in := 0.0
	if labels["state"] == "UP" {
		in = 1
	}
	return row{place: place, gauge: traffic.TargetIn, value: in}, ok && value == 1
}

// responses are the families of status codes. 429 hides in 4xx and stays hidden: the counts only
// cross-check the log, which has the code itself.
var responses = map[string]traffic.Outcome{
	"1xx": traffic.NewOutcome(fault.None, 100), "2xx": traffic.NewOutcome(fault.None, 200), "3xx": traffic.NewOutcome(fault.None, 300),
	"4xx": traffic.NewOutcome(fault.BadRequest, 400), "5xx": traffic.NewOutcome(fault.ServerError, 500),
}

// haproxyResponses counts what servers answered: like the log's lines, which name the server that answered
// last, they are of the client side.
func haproxyResponses(labels map[string]string, value float64) (row, bool) {
	place, ok := haproxyPlace(labels)
	outcome, known := responses[labels["code"]]
	if !ok || !known {
		return row{}, false
	}
	place["side"] = traffic.SideClient
	return row{place: place, outcome: outcome, value: value}, true
}

// gatewayMap reads the page of the reference gateway.
var gatewayMap = &pageMap{
	name: "gateway",
	sign: []string{"gateway_inflight", "gateway_cap_limit", "gateway_target_in", "gateway_requests_total"},
	read: map[string]func(map[string]string, float64) (row, bool){
		"gateway_inflight":       gatewayGauge(traffic.Inflight),
		"gateway_queue_depth":    gatewayGauge(traffic.Queue),
		"gateway_breaker_state":  gatewayGauge(traffic.Breaker),
		"gateway_target_in":      gatewayGauge(traffic.TargetIn),
		"gateway_cap_limit":      gatewayLimit,
		"gateway_requests_total": gatewayRequests,
	},
}

// gatewayDims are the labels that are dimensions.
var gatewayDims = []string{"deployment", "workload", "model", "side", "provider", "region", "env"}

func gatewayPlace(labels map[string]string) map[string]string {
	place := make(map[string]string)
	for _, d := range gatewayDims {
		if v := labels[d]; v != "" {
			place[d] = v
		}
	}
	return place
}

func gatewayGauge(name traffic.GaugeName) func(map[string]string, float64) (row, bool) {
	return func(labels map[string]string, value float64) (row, bool) {
		return row{place: gatewayPlace(labels), gauge: name, value: value}, !math.IsNaN(value)
	}
}

func gatewayLimit(labels map[string]string, value float64) (row, bool) {
	if math.IsNaN(value) || math.IsInf(value, 1) {
		value = -1
	}
	return row{place: gatewayPlace(labels), gauge: traffic.Limit, value: value}, true
}

func gatewayRequests(labels map[string]string, value float64) (row, bool) {
	status, err := strconv.Atoi(labels["code"])
	if err != nil {
		return row{}, false
	}
	return row{place: gatewayPlace(labels), outcome: outcomeOf(status), value: value}, true
}
