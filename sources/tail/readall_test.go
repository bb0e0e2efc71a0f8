package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func timed(n int, at time.Time) string {
	return fmt.Sprintf(`{"time":%q,"request_id":"n%d","status":200,"model":"m"}`, at.Format(time.RFC3339Nano), n) + "\n"
}

func readAll(t *testing.T, paths []string, opt ReadOptions) ([]traffic.Record, Report) {
	t.Helper()
	var all []traffic.Record
	report, err := ReadAll(context.Background(), paths, opt, func(b []traffic.Record) error {
		all = append(all, b...)
		return nil
	})
	must(t, err)
	return all, report
}

func ids(records []traffic.Record) string {
	var out []string
	for _, r := range records {
		out = append(out, strings.TrimPrefix(r.RequestID, "n"))
	}
	return strings.Join(out, " ")
}

// Files are merged by event time whatever their order, packed or not, named once or twice.
func TestReadAllMerges(t *testing.T) {
	dir := t.TempDir()
	a, b, z := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log"), filepath.Join(dir, "c.log.gz")
	var texts [3]string
	for i := range 1800 {
		texts[i%3] += timed(i, noon.Add(time.Duration(i)*time.Second))
	}
	must(t, os.WriteFile(a, []byte(texts[0]), 0o600))
	must(t, os.WriteFile(b, []byte(strings.TrimSuffix(texts[1], "\n")), 0o600))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(texts[2]))
	must(t, w.Close())
	must(t, os.WriteFile(z, packed.Bytes(), 0o600))

	for _, paths := range [][]string{{a, b, z}, {z, b, a}, {b, a, b, z, a}, {filepath.Join(dir, "*")}, {filepath.Join(dir, "*.log"), a, z}} {
		got, report := readAll(t, paths, ReadOptions{})
		if len(got) != 1800 || report.Records != 1800 || report.Lines != 1800 || report.Unparsed != 0 || len(report.Files) != 3 {
			t.Fatalf("%v: %d records, %+v", paths, len(got), report)
		}
		for i, r := range got {
			if r.RequestID != fmt.Sprint("n", i) {
				t.Fatalf("%v: record %d is %s", paths, i, r.RequestID)
			}
		}
		f := report.Files[2]
		if f.Path != z || f.Format != decode.JSON || f.Bytes != int64(len(texts[2])) || !f.First.Equal(noon.Add(2*time.Second)) {
			t.Errorf("%+v", f)
		}
	}
}

// A line without a time has that of the line before it, so that it stays in its place.
func TestReadAllLinesWithoutTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	must(t, os.WriteFile(path, []byte(timed(0, noon)+line(1)+timed(2, noon.Add(time.Minute))), 0o600))
	got, _ := readAll(t, []string{path}, ReadOptions{})
	if ids(got) != "0 1 2" || !got[1].Time.Equal(noon) || !got[1].Received {
		t.Errorf("%s %v %v", ids(got), got[1].Time, got[1].Received)
	}
}

func TestReadAllReport(t *testing.T) {
	text := strings.Repeat(`{"when":1795262400,"llm_model":"m","rc_status":500}`+"\n", 9) + "garbage\n"
	got, report := readAll(t, []string{"-"}, ReadOptions{Reader: strings.NewReader(text)})
	f := report.Files[0]
	if f.Lines != 10 || f.Unparsed != 1 || len(f.Examples) != 1 || !strings.Contains(f.Examples[0], "garbage") || f.Why == "" {
		t.Errorf("%d records, %+v", len(got), f)
	}
	if f.Proposal.Mapped["status"] != "rc_status" || f.Proposal.Mapped["model"] != "llm_model" {
		t.Errorf("proposal %+v", f.Proposal)
	}
	fields := f.Proposal.Mapped
	fields["time"] = "when"
	got, _ = readAll(t, []string{"-"}, ReadOptions{Reader: strings.NewReader(text), Fields: fields, Format: decode.JSON})
	if len(got) != 9 || got[0].Outcome.Status() != 500 || got[0].Time.Unix() != 1795262400 {
		t.Errorf("the proposal reads %d records", len(got))
	}
}

func TestReadAllErrors(t *testing.T) {
	dir := t.TempDir()
	never := func([]traffic.Record) error { return nil }
	for path, want := range map[string]string{
		filepath.Join(dir, "none.log"): "none.log", filepath.Join(dir, "*.nope"): "quote the pattern", dir: "is a folder",
	} {
		if _, err := ReadAll(context.Background(), []string{path}, ReadOptions{}, never); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	full := errors.New("full")
	path := filepath.Join(dir, "a.log")
	must(t, os.WriteFile(path, []byte(line(1)), 0o600))
	if _, err := ReadAll(context.Background(), []string{path}, ReadOptions{}, func([]traffic.Record) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadAll(ctx, []string{path}, ReadOptions{}, never); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A packed file that ends too early gives what could be unpacked, and says so.
func TestReadAllDamagedGzip(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for i := range 5000 {
		_, _ = w.Write([]byte(timed(i, noon.Add(time.Duration(i*i)*time.Millisecond))))
	}
	must(t, w.Close())
	got, report := readAll(t, []string{"-"}, ReadOptions{Reader: bytes.NewReader(packed.Bytes()[:packed.Len()/2])})
	if len(got) == 0 || len(got) >= 5000 || !slices.ContainsFunc(report.Files[0].Examples, func(s string) bool { return strings.Contains(s, "too early") }) {
		t.Errorf("%d records, %q", len(got), report.Files[0].Examples)
	}
}
