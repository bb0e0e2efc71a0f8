package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/burst"
	"signalbox/tools/detect/score"
)

// What the published cases are read with.
const (
	caseBefore = 600 // seconds before the fault from which the normal share of failures is taken
	caseWeight = 30  // requests that the share of all leaves is worth beside a leaf's own
)

// labelled is one case of RobustSpot: a minute in which something failed, and where, as operators said.
type labelled struct {
	name   string
	minute int64
	causes []map[string]string
}

// robustspot measures the scan on the real faults that came with RobustSpot (Sun Y. et al., 2023), in the copy of the
// public repository shaido987/riskloc. Its data stay where they are.
func robustspot(o *options, r *report) error {
	if o.rs == "" {
		r.title("RobustSpot: left out; -rs names the folder data/RS of a copy of github.com/shaido987/riskloc")
		return nil
	}
	cases, err := readCases(filepath.Join(o.rs, "anomaly.yaml"))
	if err != nil {
		return err
	}
	var all, dev, test score.PR
	top := map[*score.PR]int{}
	var spent, most time.Duration
	for i, c := range cases {
		dims, leaves, values, err := c.read(o.rs)
		if err != nil {
			return err
		}
		from := time.Now()
		causes := burst.Localise(leaves, burst.ScopeOptions{Somewhere: true})
		took := time.Since(from)
		spent, most = spent+took, max(most, took)
		pr, first := c.judge(dims, values, causes)
		half := &test // every third case was looked at while the scan was made
		if i%3 == 0 {
			half = &dev
		}
		for _, p := range []*score.PR{&all, half} {
			p.Add(pr)
			if first {
				top[p]++
			}
		}
		if o.verbose && pr.Right < pr.There {
			r.say("%s: said %s, labelled %s", c.name, said(dims, values, causes), fmt.Sprint(c.causes))
		}
	}
	r.title("RobustSpot: %d real faults of a video service, labelled by operators", len(cases))
	rows := [][]string{{"", "cases", "precision", "recall", "F1", "top-1"}}
	thirds := (len(cases) + 2) / 3
	for _, x := range []struct {
		name string
		pr   *score.PR
		n    int
	}{{"every third", &dev, thirds}, {"the others", &test, len(cases) - thirds}, {"all", &all, len(cases)}} {
		p, c, f := x.pr.Rates()
		rows = append(rows, []string{x.name, fmt.Sprint(x.n), num(p), num(c), fmt.Sprintf("%.3f", f), fmt.Sprintf("%.3f", float64(top[x.pr])/float64(x.n))})
	}
	r.table(rows)
	r.say("\n%s ms a case, at most %s ms", num(spent.Seconds()*1000/float64(len(cases))), num(most.Seconds()*1000))
	_, _, f1 := all.Rates()
	r.atLeast("robustspot", "F1", 0.70, f1, "")
	r.atLeast("robustspot", "top-1", 0.70, float64(top[&all])/float64(len(cases)), "")
	return nil
}

var (
	caseName   = regexp.MustCompile(`^- data: (.+)$`)
	caseMinute = regexp.MustCompile(`^\s+timestamp: (\d+)$`)
	caseCause  = regexp.MustCompile(`^\s+cause: (.+)$`)
	caseScope  = regexp.MustCompile(`\{([^}]*)\}`)
	caseTerm   = regexp.MustCompile(`'(\w+)':\s*('[^']*'|\d+)`)
)

// readCases reads the three keys that each case has; this is no reader of YAML.
func readCases(file string) ([]labelled, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []labelled
	for n, line := range strings.Split(string(b), "\n") {
		line = strings.TrimRight(line, " \r")
		if m := caseName.FindStringSubmatch(line); m != nil {
			out = append(out, labelled{name: m[1]})
			continue
		}
		if len(out) == 0 || line == "" {
			continue
		}
		c := &out[len(out)-1]
		switch minute, cause := caseMinute.FindStringSubmatch(line), caseCause.FindStringSubmatch(line); {
		case minute != nil:
			c.minute, _ = strconv.ParseInt(minute[1], 10, 64)
		case cause != nil:
			for _, s := range caseScope.FindAllStringSubmatch(cause[1], -1) {
				scope := map[string]string{}
				for _, t := range caseTerm.FindAllStringSubmatch(s[1], -1) {
					scope[t[1]] = strings.Trim(t[2], "'")
				}
				c.causes = append(c.causes, scope)
			}
		default:
			return nil, fmt.Errorf("%s:%d: not understood: %q", file, n+1, line)
		}
	}
	for _, c := range out {
		if c.minute == 0 || len(c.causes) == 0 {
			return nil, fmt.Errorf("%s: case %q lacks its time or its cause", file, c.name)
		}
	}
	return out, nil
}

// table is the traffic of one case by leaf.
type table struct {
	dims   []string
	cols   []int // of dims
	values [][]string
	leaves map[string]*burst.ScopeLeaf
	before map[string][2]float64
}

// read gives the leaves of the case's minute, with what was normal in the ten minutes before.
func (c *labelled) read(dir string) (dims []string, leaves []burst.ScopeLeaf, values [][]string, err error) {
	f, err := os.Open(filepath.Join(dir, c.name+".csv"))
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", c.name, err)
	}
	head := rows[0]
	minute, value, count := slices.Index(head, "min"), slices.Index(head, "value"), slices.Index(head, "cnt")
	if min(minute, value, count) < 0 {
		return nil, nil, nil, fmt.Errorf("%s: no columns min, value, cnt", c.name)
	}
	t := &table{leaves: map[string]*burst.ScopeLeaf{}, before: map[string][2]float64{}}
	for i, name := range head {
		if i != minute && i != value && i != count {
			t.dims, t.cols, t.values = append(t.dims, name), append(t.cols, i), append(t.values, nil)
		}
	}
	for n, row := range rows[1:] {
		at, e1 := strconv.ParseInt(row[minute], 10, 64)
		k, e2 := strconv.ParseFloat(row[value], 64)
		cnt, e3 := strconv.ParseFloat(row[count], 64)
		if err := errors.Join(e1, e2, e3); err != nil {
			return nil, nil, nil, fmt.Errorf("%s:%d: %w", c.name, n+2, err)
		}
		t.add(row, at-c.minute, cnt, k)
	}
	return t.dims, t.normal(), t.values, nil
}

func (t *table) add(row []string, at int64, n, k float64) {
	if at > 0 || at < -caseBefore {
		return
	}
	var name strings.Builder
	for _, col := range t.cols {
		name.WriteString(row[col] + "\x00")
	}
	id := name.String()
	if at < 0 {
		b := t.before[id]
		t.before[id] = [2]float64{b[0] + n, b[1] + k}
		return
	}
	l := t.leaves[id]
	if l == nil {
		l = &burst.ScopeLeaf{}
		for d, col := range t.cols {
			v := slices.Index(t.values[d], row[col])
			if v < 0 {
				v = len(t.values[d])
				t.values[d] = append(t.values[d], row[col])
			}
			l.Values = append(l.Values, int32(v)) //nolint:gosec // a few hundred
		}
		t.leaves[id] = l
	}
	l.N, l.K = l.N+n, l.K+k
}

func (t *table) normal() []burst.ScopeLeaf {
	var n, k float64
	for _, b := range t.before {
		n, k = n+b[0], k+b[1]
	}
	share := (k + 1) / (n + 100)
	var out []burst.ScopeLeaf
	for _, id := range slices.Sorted(maps.Keys(t.leaves)) {
		l := t.leaves[id]
		b := t.before[id]
		l.Base = (b[1] + caseWeight*share) / (b[0] + caseWeight)
		out = append(out, *l)
	}
	return out
}

// judge counts the causes that are labelled, word by word, and tells whether the first is.
func (c *labelled) judge(dims []string, values [][]string, causes []burst.Cause) (pr score.PR, first bool) {
	pr.There, pr.Said = len(c.causes), len(causes)
	for i, x := range causes {
		scope := named(dims, values, x)
		if slices.ContainsFunc(c.causes, func(l map[string]string) bool { return maps.Equal(l, scope) }) {
			pr.Right++
			first = first || i == 0
		}
	}
	return pr, first
}

func named(dims []string, values [][]string, c burst.Cause) map[string]string {
	out := map[string]string{}
	for d, v := range c.Values {
		if v >= 0 {
			out[dims[d]] = values[d][v]
		}
	}
	return out
}

func said(dims []string, values [][]string, causes []burst.Cause) string {
	var out []map[string]string
	for _, c := range causes {
		out = append(out, named(dims, values, c))
	}
	return fmt.Sprint(out)
}
