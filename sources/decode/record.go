package decode

import (
	"hash/fnv"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// recorder makes records of drafts: it interns, asks the inventory and classifies failures.
type recorder struct {
	kit      sources.Kit
	labels   sources.Labels
	source   traffic.Sym
	places   nearby
	verdicts verdicts
	minute   minute
	terse    bool // records have neither the raw line nor the request id
	yes, no  traffic.Sym
	outer    *draft // of an envelope; nil for lines that have none

	unknown *traffic.UnknownPlaces // nil counts none
}

// place is everything that the inventory can match on or fill.
type place struct {
	env, gateway, instance, provider, model, region, deployment, endpoint, workload, caller,
	backend, server, host, baseURL, keyAlias string
}

// filled is a place after the inventory was asked.
type filled struct {
	key      traffic.Key
	unmapped bool
	unknown  *atomic.Int64 // nil: the inventory knows the place, or there is nothing to know
	// One more than the numbers of its key on the client's side, by whether it streams: of the cell, for a worker, and whole.
	cells, whole [3]uint32
}

func newRecorder(opt Options) *recorder {
	kit := opt.Kit.Complete()
	return &recorder{
		kit: kit, labels: opt.Labels, source: kit.Symbols.Intern(opt.Source), places: newNearby(), outer: opt.outer, unknown: opt.Unknown,
		yes: kit.Symbols.Intern("true"), no: kit.Symbols.Intern("false"),
	}
}

// label gives the one string of a value: the table's own, so that a place that was seen before costs nothing.
func (r *recorder) label(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return r.kit.Symbols.Name(r.kit.Symbols.InternBytes(b))
}

// where finds the key of a draft's place, with what the configuration and the inventory add.
func (r *recorder) where(d *draft) *filled {
	hash := r.places.hash(d)
	if f := r.places.find(hash); f != nil {
		return f
	}
	return r.places.add(hash, r.fill(r.place(d)))
}

// place reads the place of a draft.
func (r *recorder) place(d *draft) place {
	p := place{
		env: r.label(d.word(fEnv)), gateway: r.labels.Gateway, instance: r.label(d.word(fInstance)),
		provider: r.label(d.word(fProvider)), model: r.label(d.word(fModel)), region: r.label(d.word(fRegion)),
		deployment: r.label(d.word(fDeployment)), endpoint: r.label(path(d.word(fEndpoint))),
		workload: r.label(workload(d.word(fWorkload))), caller: r.label(d.word(fCaller)),
		backend: r.label(d.word(fBackend)), server: r.label(d.word(fServer)), host: r.label(d.word(fHost)),
		baseURL: r.label(d.word(fBaseURL)), keyAlias: r.label(d.word(fKeyAlias)),
	}
	if p.gateway == "" {
		p.gateway = r.label(d.word(fGateway))
	}
	if p.env == "" {
		p.env = r.labels.Env
	}
	if p.instance == "" {
		p.instance = r.labels.Instance
	}
	return p
}

func (r *recorder) fill(p place) filled {
	labels := map[string]string{
		"env": p.env, "gateway": p.gateway, "instance": p.instance, "provider": p.provider, "model": p.model, "region": p.region,
		"deployment": p.deployment, "endpoint": p.endpoint, "workload": p.workload, "caller": p.caller,
		"backend": p.backend, "server": p.server, "host": p.host, "base_url": p.baseURL, "key_alias": p.keyAlias,
	}
	mapped := r.kit.Inventory.Fill(labels)
	var f filled
	for d := traffic.Dim(0); d < traffic.NumDims; d++ {
		f.key[d] = r.kit.Symbols.Intern(labels[d.String()])
	}
	f.unmapped = !mapped && p.deployment != ""
	if !mapped && (labels["provider"] == "" || labels["region"] == "") {
		f.unknown = r.unknownOf(p)
	}
	return f
}

// unknownOf gives the counter of what the inventory could know the place by, the most particular first.
func (r *recorder) unknownOf(p place) *atomic.Int64 {
	for _, by := range [...][2]string{{"deployment", p.deployment}, {"backend", p.backend}, {"base_url", p.baseURL}, {"host", p.host}, {"key_alias", p.keyAlias}} {
		if by[1] != "" {
			return r.unknown.Counter(by[0], by[1])
		}
	}
	return nil
}

// path is an endpoint without its query, which is unbounded and may hold secrets.
func path(b []byte) []byte {
	for i, c := range b {
		if c == '?' || c == '#' || c == ' ' {
			return b[:i]
		}
	}
	return b
}

var workloads = map[string]string{
	"interactive": traffic.WorkloadInteractive, "batch": traffic.WorkloadBatch, "other": traffic.WorkloadOther,
	"online": traffic.WorkloadInteractive, "realtime": traffic.WorkloadInteractive, "offline": traffic.WorkloadBatch, "background": traffic.WorkloadBatch,
}

// workload gives one of the three values; what a log calls otherwise is other.
func workload(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if w, ok := workloads[strings.ToLower(string(b))]; ok {
		return []byte(w)
	}
	return []byte(traffic.WorkloadOther)
}

// record makes the record of a draft, all but its outcome.
func (r *recorder) record(d *draft, side string, received time.Time) (traffic.Record, Result) {
	if r.outer != nil {
		d.complete(r.outer)
	}
	place := r.where(d)
	if place.unknown != nil {
		place.unknown.Add(1)
	}
	rec := traffic.Record{Key: place.key, Source: r.source}
	res := Result{Kind: Request, Unmapped: place.unmapped}
	rec.Key[traffic.Side] = r.kit.Symbols.Intern(side)
	switch yes, known := d.streamed(); {
	case known && yes:
		rec.Key[traffic.Stream] = r.yes
	case known:
		rec.Key[traffic.Stream] = r.no
	}
	rec.Served = r.kit.Symbols.InternBytes(d.word(fServed))
	rec.FallbackFrom = r.kit.Symbols.InternBytes(d.word(fFallbackFrom))
	rec.Finish = r.kit.Symbols.InternBytes(d.word(fFinish))
	rec.Time, rec.Received, res.Skewed = r.when(d, received)
	if !r.terse {
		rec.Raw = bounded(d.line, MaxRaw)
		rec.RequestID = within(rec.Raw, d.line, d.word(fRequestID))
	}
	if n, ok := d.count(fAttempt); ok && n < 1e6 {
		rec.Attempt, rec.Known = int(n), rec.Known|traffic.HasAttempt
	}
	spans := [...]struct {
		f   field
		to  *time.Duration
		has traffic.Field
	}{{fLatency, &rec.Latency, traffic.HasLatency}, {fTTFT, &rec.TTFT, traffic.HasTTFT}, {fRetryAfter, &rec.RetryAfter, traffic.HasRetryAfter}}
	for _, s := range spans {
		if took, ok := d.span(s.f); ok {
			*s.to, rec.Known = took, rec.Known|s.has
		}
	}
	counts := [...]struct {
		f   field
		to  *int64
		has traffic.Field
	}{{fTokensIn, &rec.TokensIn, traffic.HasTokensIn}, {fTokensOut, &rec.TokensOut, traffic.HasTokensOut}, {fTokensCached, &rec.TokensCached, traffic.HasTokensCached}}
	for _, c := range counts {
		if n, ok := d.count(c.f); ok {
			*c.to, rec.Known = n, rec.Known|c.has
		}
	}
	if shape := d.word(fShape); len(shape) > 0 {
		rec.Shape = shapeHash(shape)
	}
	return rec, res
}

// when gives the event time, or the receive time where the line has none or one that lies in the future.
func (r *recorder) when(d *draft, received time.Time) (at time.Time, isReceived, skewed bool) {
	at = d.at
	if at.IsZero() && d.has(fTime) {
		if sec, nsec, ok := r.minute.read(d.vals[fTime]); ok {
			at = time.Unix(sec, nsec).UTC()
		} else if at, ok = parseTime(d.vals[fTime], d.zone); !ok {
			at = undated(d.vals[fTime], d.zone, received)
		}
	}
	switch {
	case at.IsZero():
		return received, true, false
	case at.Sub(received) > MaxSkew:
		return received, true, true
	}
	return at, false, false
}

// explain makes the record of a line that only adds text to another; it does not say of which side that is.
func (r *recorder) explain(d *draft, received time.Time) (traffic.Record, Result) {
	rec, res := r.record(d, "", received)
	rec.Explains = true
	r.fail(d, &rec, 0)
	res.Kind = Explains
	return rec, res
}

// fail classifies a failure and keeps its texts.
func (r *recorder) fail(d *draft, rec *traffic.Record, status int) fault.Verdict {
	stream := rec.Key[traffic.Stream] == r.yes
	j := r.classify(d, rec.Key[traffic.Provider], stream, status)
	rec.Code, rec.Type, rec.Message = j.codeText, j.kindText, j.text
	rec.Outcome = traffic.NewOutcome(j.Class, status)
	if status > 0 {
		rec.Known |= traffic.HasStatus
	}
	return j.Verdict
}

// outcome sets class and status of a record, by the cheap way where the line tells of a plain success.
func (r *recorder) outcome(d *draft, rec *traffic.Record, status int) {
	plain := status >= 200 && status < 400 && d.term == "" && !d.has(fCode) && !d.has(fType) && !d.has(fMessage)
	if plain && !fault.BadFinish(string(d.word(fFinish))) {
		rec.Outcome = traffic.NewOutcome(fault.None, status)
		rec.Known |= traffic.HasStatus
		return
	}
	r.fail(d, rec, status)
}

// settle says of a record that surely failed what class it has at least.
func settle(rec *traffic.Record, least fault.Class) {
	if !rec.Outcome.Failed() {
		rec.Outcome = traffic.NewOutcome(least, rec.Outcome.Status())
	}
}

func shapeHash(b []byte) uint64 {
	if n, err := strconv.ParseUint(string(b), 16, 64); err == nil && len(b) == 16 {
		return n
	}
	h := fnv.New64a()
	_, _ = h.Write(b) // a hash takes everything
	return h.Sum64()
}

func bounded(b []byte, most int) string {
	if len(b) > most {
		b = b[:most]
	}
	return string(b)
}

// within gives a part of a line as a part of the kept raw text, so that it costs no memory of its own.
func within(raw string, line, part []byte) string {
	if len(part) > maxWord {
		part = part[:maxWord]
	}
	if from := cap(line) - cap(part); len(part) > 0 && from >= 0 && from+len(part) <= len(raw) && raw[from:from+len(part)] == string(part) {
		return raw[from : from+len(part)]
	}
	return strings.ToValidUTF8(string(part), "�")
}
