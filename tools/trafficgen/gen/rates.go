package gen

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
)

// LoadRates reads request rates from CSV files (first column: start of a window in seconds, second: requests a second;
// others ignored), the form of the per-client trace files of alibaba/ServeGen. Files are taken in order of name; series
// whose mean rate lies outside [lo, hi] are skipped, at most n are kept.
func LoadRates(pattern string, lo, hi float64, n int) ([][]float64, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("rates %q: %w", pattern, err)
	}
	sort.Strings(names)
	var out [][]float64
	for _, name := range names {
		x, err := readRates(name)
		if err != nil {
			return nil, fmt.Errorf("rates: %w", err)
		}
		if m := mean(x); len(x) >= 100 && m >= lo && m <= hi {
			out = append(out, x)
			if len(out) == n {
				break
			}
		}
	}
	return out, nil
}

func readRates(name string) ([]float64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var x []float64
	for _, row := range rows {
		if len(row) < 2 {
			continue
		}
		if v, err := strconv.ParseFloat(row[1], 64); err == nil { // a heading is no number
			x = append(x, v)
		}
	}
	return x, nil
}
