package decode

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// target is what a path of a line stands for.
type target struct {
	f    field
	rank uint8 // smaller is better
	unit time.Duration
}

// commonNames are paths that common loggers and gateways use, best first, folded as fold does it: the
// shapes of slog, zap, zerolog, pino, structlog and bunyan, and OpenTelemetry's conventions. A number of a
// time span whose unit the name does not tell ("duration": 12) is not in here: it would be a guess.
var commonNames = []struct {
	f     field
	names string
}{
	{fTime, "time ts @timestamp timestamp endtime datetime date eventtime asctime t timeunixnano createdat requestcreatedat responsecreatedat completedat finishedat startedat starttime loggedat logtime created"},
	{fRequestID, "requestid reqid xrequestid litellmcallid callid traceid trace correlationid request.id req.id id uid"},
	{fEnv, "env environment deployment.environment.name deployment.environment"},
	{fGateway, "gateway gatewayname service.name"},
	{fInstance, "instance service.instance.id pod podname kubernetes.pod.name k8s.pod.name hostname host.name"},
	{fSide, "side"},
	{fProvider, "provider providername gen_ai.provider.name gen_ai.system llmprovider customllmprovider vendor"},
	{fModel, "model gen_ai.request.model requestmodel modelname request.model requestedmodel modelgroup llm.requestmodel requestbody.model"},
	{fServed, "servedmodel gen_ai.response.model responsemodel response.model responsebody.model"},
	{fRegion, "region cloud.region location awsregion azureregion"},
	{fDeployment, "deployment deploymentname deploymentid modelid target targetname upstreamname upstreamcluster"},
	{fEndpoint, "endpoint url.path http.route route path req.url request.path http.target uri"},
	{fWorkload, "workload trafficclass"},
	{fStream, "stream streaming isstream request.stream gen_ai.request.stream requestbody.stream"},
	{fCaller, "caller team teamalias teamname application clientname consumer tenant"},
	{fBackend, "backend"},
	{fServer, "server"},
	{fHost, "upstreamhost server.address"},
	{fBaseURL, "baseurl apibase url.full upstreamurl"},
	{fKeyAlias, "keyalias apikeyalias userapikeyalias"},
	{fStatus, "status statuscode httpstatus httpstatuscode http.response.statuscode http.statuscode responsecode response.status response.statuscode res.status res.statuscode upstreamstatus responsestatus responsestatuscode respstatus respstatuscode resstatus upstreamstatuscode httpcode outcome code success issuccess ok"},
	{fTokensIn, "tokensin inputtokens prompttokens gen_ai.usage.inputtokens gen_ai.usage.prompttokens usage.inputtokens usage.prompttokens responsebody.usage.prompttokens responsebody.usage.inputtokens"},
	{fTokensOut, "tokensout outputtokens completiontokens gen_ai.usage.outputtokens gen_ai.usage.completiontokens usage.outputtokens usage.completiontokens responsebody.usage.completiontokens responsebody.usage.outputtokens"},
	{fTokensCached, "tokenscached cachedtokens cachereadinputtokens usage.cachereadinputtokens usage.prompttokensdetails.cachedtokens gen_ai.usage.cacheread.inputtokens"},
	{fAttempt, "attempt attempts attemptnumber trynumber"},
	{fFallbackFrom, "fallbackfrom originalmodel"},
	{fFinish, "finishreason stopreason gen_ai.response.finishreasons.0 finishreasons.0 response.finishreason choices.0.finishreason responsebody.choices.0.finishreason responsebody.stopreason"},
	{fCode, "errorcode error.code err.code responsebody.error.code"},
	{fType, "errortype error.type err.type exceptiontype exception.type error.name err.name errorclass responsebody.error.type"},
	{fMessage, "errormessage error.message err.message error err exception.message exception errordetail errorstr lasterror error.error.message exception.0.excvalue errors.0.message errors.0 errorbody responsebody.error.message responsebody.error"},
	{fShape, "shape requestshape"},
	{fLevel, "level severity severitytext lvl loglevel levelname"},
	{fText, "message msg event body text"},
}

// commonSpans are names of time spans without their unit's ending.
var commonSpans = []struct {
	f     field
	names string
}{
	{fLatency, "latency duration elapsed took responsetime requesttime totaltime totallatency requestduration upstreamlatency requestlatency elapsedtime"},
	{fTTFT, "ttft timetofirsttoken firsttoken firsttokenlatency timetofirstchunk"},
	{fRetryAfter, "retryafter"},
}

var spanEndings = []struct {
	ending string
	unit   time.Duration
}{
	{"ms", time.Millisecond},
	{"millis", time.Millisecond},
	{"milliseconds", time.Millisecond},
	{"s", time.Second},
	{"sec", time.Second},
	{"seconds", time.Second},
	{"us", time.Microsecond},
	{"micros", time.Microsecond},
	{"ns", time.Nanosecond},
	{"nanos", time.Nanosecond},
}

// answers are paths of what a provider or a gateway has answered, as a text. Only one that tells of an error counts: of any
// other the words are a model's.
const answers = "responsebody response.body response respbody upstreambody upstreamresponse rawresponse"

// answered is the rank of the first of them, in wrappers too: what the line says of the error itself is better.
const answered = 210

// knownUnits are names whose unit their authors document: pino-http counts milliseconds, OpenTelemetry seconds.
var knownUnits = []struct {
	name string
	f    field
	unit time.Duration
}{
	{"gen_ai.client.operation.duration", fLatency, time.Second},
	{"gen_ai.server.request.duration", fLatency, time.Second},
	{"gen_ai.server.timetofirsttoken", fTTFT, time.Second},
	{"http.server.request.duration", fLatency, time.Second},
	{"retryafter", fRetryAfter, time.Second},
}

// wrappers are keys under which loggers put the fields of a line; they say nothing by themselves.
var wrappers = []string{
	"attributes", "attrs", "fields", "data", "context", "ctx", "extra", "payload", "jsonpayload", "log", "request", "req", "response",
	"res", "resp", "llm", "metadata", "meta", "details", "info", "http", "record", "span", "properties", "event", "message", "call", "result",
}

// fold makes one of "latency_ms", "latencyMs" and "latency-ms"; the dots between keys stay.
func fold(path []byte) string {
	out := make([]byte, 0, len(path))
	for _, c := range bytes.ReplaceAll(path, []byte("gen_ai."), []byte("gen\x00ai.")) {
		switch {
		case c == 0:
			out = append(out, '_')
		case c == '_' || c == '-' || c == ' ':
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// maxPaths bounds how many paths a mapping remembers.
const maxPaths = 4096

// mapping finds what a path stands for: first what the configuration says, then the common names, each
// also under a wrapper, at a lower rank.
type mapping struct {
	fixed map[string]target
	taken [numFields]bool // fields that the configuration has mapped
	known map[string]target
}

var common = commonTable()

func commonTable() map[string]target {
	table := make(map[string]target)
	put := func(name string, to target) {
		if _, there := table[name]; !there {
			table[name] = to
		}
	}
	for _, c := range commonNames {
		for i, name := range strings.Fields(c.names) {
			put(name, target{c.f, uint8(2 + i), 0}) //nolint:gosec // the lists are short
		}
	}
	for _, c := range commonSpans {
		for i, name := range strings.Fields(c.names) {
			for _, e := range spanEndings {
				put(name+e.ending, target{c.f, uint8(2 + i), e.unit}) //nolint:gosec // the lists are short
			}
		}
	}
	for i, name := range strings.Fields(answers) {
		put(name, target{fMessage, uint8(answered + i), 0}) //nolint:gosec // the list is short
	}
	for _, k := range knownUnits {
		put(k.name, target{k.f, 2, k.unit})
	}
	for _, c := range commonSpans {
		for i, name := range strings.Fields(c.names) {
			put(name, target{c.f, uint8(30 + i), 0}) //nolint:gosec // the lists are short
		}
	}
	return table
}

func newMapping(fields map[string]string) (*mapping, error) {
	m := &mapping{fixed: make(map[string]target), known: make(map[string]target)}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f, unit, err := parseField(name)
		if err != nil {
			return nil, err
		}
		path := fields[name]
		if old, twice := m.fixed[path]; twice {
			return nil, fmt.Errorf("fields %s and %s both read %q", fieldNames[old.f], name, path)
		}
		m.fixed[path], m.taken[f] = target{f, 0, unit}, true
	}
	return m, nil
}

// find tells what a path stands for.
func (m *mapping) find(path []byte) (target, bool) {
	if t, ok := m.known[string(path)]; ok {
		return t, t.f != noField
	}
	t, ok := m.look(path)
	if !ok {
		t.f = noField
	}
	if len(m.known) < maxPaths {
		m.known[string(path)] = t
	}
	return t, ok
}

func (m *mapping) look(path []byte) (target, bool) {
	if t, ok := m.fixed[string(path)]; ok {
		return t, true
	}
	name := fold(path)
	for depth := uint8(0); ; depth++ {
		if t, ok := common[name]; ok && !m.taken[t.f] {
			if depth > 0 && t.f == fTime && t.rank >= common["createdat"].rank {
				return target{}, false // in a wrapper it is something else that was created then
			}
			if t.rank < answered {
				t.rank += 40 * depth
			}
			return t, true
		}
		head, rest, ok := strings.Cut(name, ".")
		if !ok || depth >= 4 || !slices.Contains(wrappers, head) {
			return target{}, false
		}
		name = rest
	}
}
