package ui

import (
	"strings"
	"testing"
)

// sketch draws a layout, one character for cw columns and ch rows.
func sketch(l layout, cw, ch int) string {
	if l.small {
		return "too small"
	}
	var rows []string
	for y := 0; y < l.h; y += ch {
		row := ""
		for x := 0; x < l.w; x += cw {
			c := "."
			for p := gridID; p < paneCount; p++ {
				r := l.pane[p]
				if x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h {
					c = itoa(int(p))
				}
			}
			row += c
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, "\n")
}

func TestArrange(t *testing.T) {
	for _, c := range []struct {
		name       string
		w, h       int
		focus, big paneID
		zoom       bool
		cw, ch     int
		want       string
	}{
		{"80x24", 80, 24, gridID, logID, false, 8, 2, `
..........
1111122222
1111122222
1111122222
1111122222
3333333333
3333333333
3333333333
3333333333
3333333333
3333333333
..........`},
		{"80x24 with the levers", 80, 24, leversID, leversID, false, 8, 2, `
..........
1111122222
1111122222
1111122222
5555555555
5555555555
5555555555
5555555555
5555555555
5555555555
5555555555
..........`},
		{"80x24 full screen", 80, 24, logID, logID, true, 8, 4, `
..........
3333333333
3333333333
3333333333
3333333333
3333333333`},
		{"60x15", 60, 15, burstsID, logID, false, 10, 3, `
......
222222
222222
222222
222222`},
		{"120x40", 120, 40, gridID, logID, false, 8, 4, `
...............
111111.44444444
111111.44444444
111111.44444444
222222.44444444
222222.44444444
555555.33333333
555555.33333333
555555.33333333
555555.33333333`},
		{"120x40 with the timeline", 120, 40, timelineID, timelineID, false, 8, 8, `
...............
111111.66666666
222222.66666666
555555.33333333
555555.33333333`},
		{"120x40 with the levers", 120, 40, leversID, leversID, false, 8, 4, `
...............
111111.44444444
111111.44444444
222222.44444444
555555.44444444
555555.44444444
555555.33333333
555555.33333333
555555.33333333
555555.33333333`},
		{"200x60", 200, 60, gridID, logID, false, 10, 6, `
....................
11111144444444466666
11111144444444466666
11111144444444466666
22222244444444466666
22222244444444466666
22222233333333366666
55555533333333366666
55555533333333366666
55555533333333366666`},
		{"too small", 59, 24, gridID, logID, false, 1, 1, "\ntoo small"},
		{"too low", 80, 14, gridID, logID, false, 1, 1, "\ntoo small"},
	} {
		if got := "\n" + sketch(arrange(c.w, c.h, c.focus, c.big, c.zoom), c.cw, c.ch); got != c.want {
			t.Errorf("%s: got%s", c.name, got)
		}
	}
}

// TestArrangeCovers sweeps sizes: panes cover the body, never overlap, and the focused one is there.
func TestArrangeCovers(t *testing.T) {
	for w := minWidth; w <= 240; w += 7 {
		for h := minHeight; h <= 90; h += 3 {
			for p := gridID; p < paneCount; p++ {
				for _, zoom := range []bool{false, true} {
					l := arrange(w, h, p, bigPane(p, logID), zoom)
					if !l.shows(p) {
						t.Fatalf("%dx%d: the focused pane %d is not shown", w, h, p)
					}
					area := 0
					for q := gridID; q < paneCount; q++ {
						r := l.pane[q]
						area += r.w * r.h
						if r.h > 0 && (r.h < 3 || r.w < 20 || r.x < 0 || r.x+r.w > w || r.y < bandRows || r.y+r.h > h-footRows) {
							t.Fatalf("%dx%d: pane %d at %+v", w, h, q, r)
						}
					}
					body := w * (h - bandRows - footRows)
					if area > body || area < body-2*h {
						t.Fatalf("%dx%d, focus %d: panes cover %d of %d", w, h, p, area, body)
					}
				}
			}
		}
	}
}
