package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// peers lists what is run, each with how to tell that it counted right.
func (b *bench) peers(box, python string) []peer {
	all := []peer{
		{name: "signalbox scan --output json", of: &b.whole, argv: []string{box, "scan", "--output", "json", b.whole.path}, finds: 1, check: b.whole.scanned},
		{name: "signalbox scan, text", of: &b.whole, argv: []string{box, "scan", b.whole.path}, finds: 1, check: b.whole.told},
		b.duck("DuckDB, the same job as far as SQL goes", python, duckJob),
		b.duck("DuckDB, 10 fields by cell and second", python, duckCells),
		b.duck("DuckDB, count by model, region, status", python, duckCount),
		{name: "wc -l", of: &b.whole, pack: "coreutils", argv: []string{"wc", "-l", b.whole.path}, check: b.whole.lines},
		{
			name: "jq, count by three keys (first lines)", of: &b.part, pack: "jq",
			argv:  []string{"jq", "-nc", `reduce inputs as $l ({}; .[$l.model + "|" + $l.region + "|" + ($l.status|tostring)] += 1)`, b.part.path},
			check: b.part.counts,
		},
		b.lnav(),
		{
			name: "goaccess (first lines, as an access log)", of: &b.edge, pack: "goaccess", check: b.edge.accessed,
			argv: []string{
				"goaccess", b.edge.path, "--no-global-config", "--log-format", `%h - %e [%d:%t %^] "%r" %s %b "%R" "%u" %^`,
				"--date-format", "%d/%b/%Y", "--time-format", "%H:%M:%S", "-o", filepath.Join(b.dir, "report.json"),
			},
		},
	}
	for i := range all {
		p := &all[i]
		if _, err := exec.LookPath(p.argv[0]); err != nil && p.missing == "" {
			p.missing = fmt.Sprintf("%s is not here (package %s)", p.argv[0], p.pack)
		}
	}
	return all
}

// scanned holds a scan against the truth: requests and failures of each model and region.
func (l *log) scanned(out []byte) error {
	var rep struct {
		Lines, Requests int64
		Cells           []struct {
			Model, Region      string
			Requests, Failures int64
		}
	}
	if err := json.Unmarshal(out, &rep); err != nil {
		return err
	}
	requests, failures := map[string]int64{}, map[string]int64{}
	for key, n := range l.truth.Counts {
		cell, status, _ := cutLast(key)
		requests[cell] += n
		if status != "200" {
			failures[cell] += n
		}
	}
	for _, c := range rep.Cells {
		requests[c.Model+"|"+c.Region] -= c.Requests
		failures[c.Model+"|"+c.Region] -= c.Failures
	}
	for cell := range requests {
		if requests[cell] != 0 || failures[cell] != 0 {
			return fmt.Errorf("%s is off by %d requests and %d failures", cell, requests[cell], failures[cell])
		}
	}
	if rep.Requests != l.truth.Records || rep.Lines != l.truth.Lines {
		return fmt.Errorf("%d requests in %d lines", rep.Requests, rep.Lines)
	}
	return nil
}

func cutLast(key string) (cell, status string, ok bool) {
	i := strings.LastIndexByte(key, '|')
	return key[:max(i, 0)], key[i+1:], i >= 0
}

// told holds the words of a scan against the truth.
func (l *log) told(out []byte) error {
	var failed int64
	for key, n := range l.truth.Counts {
		if _, status, _ := cutLast(key); status != "200" {
			failed += n
		}
	}
	if want := fmt.Sprintf("%d requests, %d failed", l.truth.Records, failed); !strings.Contains(string(out), want) {
		return fmt.Errorf("it does not say %q", want)
	}
	return nil
}

func (l *log) lines(out []byte) error {
	if n, _, _ := strings.Cut(strings.TrimSpace(string(out)), " "); n != strconv.FormatInt(l.truth.Lines, 10) {
		return fmt.Errorf("%s lines", n)
	}
	return nil
}

// counts holds an object of counts by "model|region|status" against the truth.
func (l *log) counts(out []byte) error {
	var got map[string]int64
	if err := json.Unmarshal(out, &got); err != nil {
		return err
	}
	for key, n := range l.truth.Counts {
		if got[key] != n {
			return fmt.Errorf("%s: %d, not %d", key, got[key], n)
		}
	}
	return nil
}

// accessed holds what goaccess counted by status against the truth. It knows no models.
func (l *log) accessed([]byte) error {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(l.path), "report.json"))
	if err != nil {
		return err
	}
	var rep struct {
		General struct {
			Total int64 `json:"total_requests"`
			Valid int64 `json:"valid_requests"`
		}
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		return err
	}
	if rep.General.Valid != l.truth.Records {
		return fmt.Errorf("%d of %d requests", rep.General.Valid, l.truth.Records)
	}
	return nil
}

// lnavFormat says what the fields of a line are.
const lnavFormat = `{"peers_log": {"title": "peers", "description": "lines of the generator", "json": true, "hide-extra": true,
 "timestamp-field": "ts", "level-field": "level", "body-field": "msg", "line-format": [{"field": "ts"}, " ", {"field": "msg"}],
 "value": {"ts": {"kind": "string"}, "level": {"kind": "string"}, "msg": {"kind": "string"}, "model": {"kind": "string", "identifier": true},
 "region": {"kind": "string", "identifier": true}, "status": {"kind": "integer"}}}}`

// lnav counts the first lines by a query; for all it takes half a minute of processor time and more.
func (b *bench) lnav() peer {
	p := peer{name: "lnav, count by three keys (first lines)", of: &b.part, pack: "lnav", env: []string{"HOME=" + b.dir, "XDG_CONFIG_HOME=" + b.dir}}
	formats := filepath.Join(b.dir, "lnav", "formats", "installed")
	if err := os.MkdirAll(formats, 0o700); err != nil {
		p.missing = err.Error()
	} else if err := os.WriteFile(filepath.Join(formats, "peers.json"), []byte(lnavFormat), 0o600); err != nil {
		p.missing = err.Error()
	}
	p.argv = []string{"lnav", "-n", "-c", ";SELECT model || '|' || region || '|' || status AS k, count(*) AS n FROM peers_log GROUP BY k", "-c", ":write-json-to -", b.part.path}
	p.check = func(out []byte) error {
		var rows []struct {
			K string
			N int64
		}
		if i := strings.IndexByte(string(out), '['); i >= 0 {
			out = out[i:]
		}
		if err := json.Unmarshal(out, &rows); err != nil {
			return fmt.Errorf("%w in %.100q", err, out)
		}
		counts := map[string]int64{}
		for _, r := range rows {
			counts[r.K] = r.N
		}
		text, err := json.Marshal(counts)
		if err != nil {
			return err
		}
		return b.part.counts(text)
	}
	return p
}
