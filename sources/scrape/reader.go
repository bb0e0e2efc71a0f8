package scrape

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// Bounds of what one page can make us hold.
const (
	maxSeries = 50_000
	maxLabel  = 200
)

// row is one sample of a page that a map knows: what it stands for.
type row struct {
	place   map[string]string // dimensions and free labels, before the inventory
	gauge   traffic.GaugeName // 0: a counter
	outcome traffic.Outcome
	value   float64
}

// pageMap knows the pages of one kind of gateway.
type pageMap struct {
	name string
	sign []string // families that no other kind of gateway has; one of them is enough
	read map[string]func(labels map[string]string, value float64) (row, bool)
}

// reader makes gauges and counts of pages, and remembers counters between them.
type reader struct {
	kit    sources.Kit
	labels sources.Labels
	fixed  *pageMap // as configured
	found  *pageMap
	fams   int
	places map[string]traffic.Key
	last   map[string]float64 // counters, by series
	since  time.Time          // of the last page
}

// Maps lists the kinds of pages that can be named in a configuration.
func Maps() []string {
	out := []string{"auto"}
	for _, m := range pageMaps {
		out = append(out, m.name)
	}
	return out
}

func newReader(name string, kit sources.Kit, labels sources.Labels) (*reader, error) {
	r := &reader{kit: kit, labels: labels, places: make(map[string]traffic.Key), last: make(map[string]float64)}
	if name == "" || name == "auto" {
		return r, nil
	}
	for _, m := range pageMaps {
		if m.name == name {
			r.fixed = m
			return r, nil
		}
	}
	return nil, fmt.Errorf("map %q is not known: try one of %s", name, strings.Join(Maps(), ", "))
}

func (r *reader) name() string {
	if r.found == nil {
		return "unknown"
	}
	return r.found.name
}

// remark says what is odd about a page that could be read.
func (r *reader) remark() string {
	if r.found == nil && r.fams > 0 {
		return fmt.Sprintf("none of the page's %d metric families is known: it is neither HAProxy's exporter nor a page of the reference gateway", r.fams)
	}
	return ""
}

// read makes gauges and counts of one page.
func (r *reader) read(body io.Reader, now time.Time) ([]traffic.Gauge, []traffic.Count, int, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading the page: %w", err)
	}
	if len(families) == 0 {
		return nil, nil, 0, fmt.Errorf("reading the page: it has no metrics")
	}
	r.fams = len(families)
	r.found = r.choose(families)
	if r.found == nil {
		return nil, nil, 0, nil
	}
	var gauges []traffic.Gauge
	var counts []traffic.Count
	first, rows := r.since.IsZero(), 0
	for _, name := range slices.Sorted(maps.Keys(r.found.read)) {
		family, ok := families[name]
		if !ok {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := labelsOf(m)
			value, ok := valueOf(m)
			if !ok || rows >= maxSeries {
				continue
			}
			one, ok := r.found.read[name](labels, value)
			if !ok {
				continue
			}
			rows++
			key := r.key(one.place)
			if one.gauge != 0 {
				gauges = append(gauges, traffic.Gauge{Key: key, Name: one.gauge, Value: one.value, At: now})
				continue
			}
			if n := r.grown(series(name, labels), one.value, first); n > 0 {
				counts = append(counts, traffic.Count{Key: key, Outcome: one.outcome, N: n, From: r.since, To: now})
			}
		}
	}
	r.since = now
	return gauges, counts, rows, nil
}

func (r *reader) choose(families map[string]*dto.MetricFamily) *pageMap {
	if r.fixed != nil {
		return r.fixed
	}
	for _, m := range pageMaps {
		for _, sign := range m.sign {
			if families[sign] != nil {
				return m
			}
		}
	}
	return nil
}

// grown gives what a counter has grown by since the last page. The first page is only a base; a series
// that is new on a later page began at zero, and one that is smaller than before was reset to zero.
func (r *reader) grown(series string, value float64, first bool) int64 {
	if math.IsNaN(value) || value < 0 || value > 1e15 {
		return 0
	}
	last, known := r.last[series]
	if !known && len(r.last) >= maxSeries {
		return 0
	}
	r.last[series] = value
	switch {
	case first:
		return 0
	case value < last:
		return int64(math.Round(value))
	}
	return int64(math.Round(value - last))
}

// key finds the key of a place, with what the configuration and the inventory add.
func (r *reader) key(place map[string]string) traffic.Key {
	id := series("", place)
	if k, ok := r.places[id]; ok {
		return k
	}
	labels := maps.Clone(place)
	if r.labels.Gateway != "" {
		labels["gateway"] = r.labels.Gateway
	}
	labels["instance"] = r.labels.Instance
	if labels["env"] == "" {
		labels["env"] = r.labels.Env
	}
	r.kit.Inventory.Fill(labels)
	var k traffic.Key
	for d := traffic.Dim(0); d < traffic.NumDims; d++ {
		k[d] = r.kit.Symbols.Intern(labels[d.String()])
	}
	if len(r.places) >= maxSeries {
		clear(r.places)
	}
	r.places[id] = k
	return k
}

// series names a sample: its family and labels, in one order.
func series(name string, labels map[string]string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString("\x00" + k + "\x00" + labels[k])
	}
	return b.String()
}

func labelsOf(m *dto.Metric) map[string]string {
	out := make(map[string]string, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		v := l.GetValue()
		out[l.GetName()] = strings.ToValidUTF8(v[:min(len(v), maxLabel)], "")
	}
	return out
}

// valueOf gives the number of a counter, gauge or untyped sample.
func valueOf(m *dto.Metric) (float64, bool) {
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue(), true
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue(), true
	case m.GetUntyped() != nil:
		return m.GetUntyped().GetValue(), true
	}
	return 0, false
}
