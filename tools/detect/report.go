package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// report is what is printed: tables as they are made, and at the end what was aimed at beside what was measured.
type report struct {
	out  io.Writer
	rows []target
}

// target is one aim.
type target struct {
	part, what, aim, measured, verdict string
}

// title begins a section.
func (r *report) title(format string, args ...any) { fmt.Fprintf(r.out, "\n"+format+"\n\n", args...) }

// say prints a line.
func (r *report) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// table prints rows in columns; the first row is the heading.
func (r *report) table(rows [][]string) {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for _, c := range row {
			fmt.Fprint(w, c, "\t")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // the report goes to a terminal or a pipe; there is nowhere else to complain to
}

// atLeast adds a target that is met from a value on. What was not measured is neither met nor missed.
func (r *report) atLeast(part, what string, aim, x float64, unit string) {
	r.rows = append(r.rows, target{part, what, ">= " + num(aim) + unit, num(x) + unit, verdictOf(x, x >= aim)})
}

// atMost adds a target that is met up to a value.
func (r *report) atMost(part, what string, aim, x float64, unit string) {
	r.rows = append(r.rows, target{part, what, "<= " + num(aim) + unit, num(x) + unit, verdictOf(x, x <= aim)})
}

func verdictOf(x float64, met bool) string {
	switch {
	case math.IsNaN(x):
		return "not measured"
	case met:
		return "ok"
	}
	return "MISSED"
}

// verdict prints the targets and tells how many were missed.
func (r *report) verdict() int {
	if len(r.rows) == 0 {
		return 0
	}
	r.title("Targets")
	missed, met := 0, 0
	rows := [][]string{{"part", "what", "target", "measured", ""}}
	for _, t := range r.rows {
		switch t.verdict {
		case "ok":
			met++
		case "MISSED":
			missed++
		}
		rows = append(rows, []string{t.part, t.what, t.aim, t.measured, t.verdict})
	}
	r.table(rows)
	r.say("\n%d met, %d missed", met, missed)
	return missed
}

// num prints a number as short as its size allows.
func num(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "-"
	case math.IsInf(x, 0):
		return "never"
	case a >= 100 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return 100 * float64(part) / float64(whole)
}
