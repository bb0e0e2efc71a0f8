package ui

// style is what a piece of text means. There are few, so that a theme is a palette and nothing more.
type style uint8

const (
	plainStyle style = iota
	dim              // beside the point
	strong           // what the line is about
	accent           // where the operator is: focus, titles, keys
	good             // obeyed, true, helped
	warn             // unsure: unknown, in doubt, late
	bad              // failing, false, worse
	danger           // production, NOT self-reverting: never by colour alone
	chosen           // the selected line
	heat0            // the ramp of the grid, by lightness
	heat1
	heat2
	heat3
	heat4
	heat5
	styleCount
)

// theme is how styles look, and which characters draw. It is built once and never changed.
type theme struct {
	name   string
	sgr    [styleCount]string
	spark  []string // from nothing to full
	more   string   // marks what was cut
	h, v   string   // rules
	ok     string
	no     string
	what   string // unknown
	mark   string // the selected line
	dot    string // between facts
	arrow  string
	change string    // where something was changed
	box    [4]string // corners
}

// The palettes. Dark and light take Okabe and Ito's colours, which stay apart for colour-blind eyes;
// good and bad also differ in lightness, and every use of them carries a word or a glyph.
var palettes = map[string][styleCount]string{
	"dark": {
		dim: "38;2;138;138;138", strong: "1", accent: "38;2;86;180;233", good: "38;2;64;190;150",
		warn: "38;2;240;228;66", bad: "1;38;2;255;140;66", danger: "1;38;2;0;0;0;48;2;255;160;80",
		chosen: "48;2;40;52;66", heat0: "38;2;170;170;170",
		heat1: "38;2;220;220;220;48;2;44;34;22", heat2: "38;2;240;230;210;48;2;84;58;18",
		heat3: "38;2;255;255;255;48;2;140;88;10", heat4: "1;38;2;0;0;0;48;2;214;138;20",
		heat5: "1;38;2;0;0;0;48;2;255;206;120",
	},
	"light": {
		dim: "38;2;105;105;105", strong: "1", accent: "38;2;0;84;148", good: "38;2;0;110;80",
		warn: "38;2;130;92;0", bad: "1;38;2;176;62;0", danger: "1;38;2;255;255;255;48;2;176;62;0",
		chosen: "48;2;214;226;238", heat0: "38;2;90;90;90",
		heat1: "38;2;30;30;30;48;2;250;240;222", heat2: "38;2;20;20;20;48;2;246;214;158",
		heat3: "38;2;0;0;0;48;2;226;160;66", heat4: "1;38;2;255;255;255;48;2;170;92;0",
		heat5: "1;38;2;255;255;255;48;2;96;44;0",
	},
	"mono": {
		dim: "2", strong: "1", accent: "1", good: "", warn: "4", bad: "1", danger: "1;7", chosen: "7",
		heat2: "", heat3: "1", heat4: "1;7", heat5: "1;7",
	},
}

func newTheme(name string, ascii bool) *theme {
	p, ok := palettes[name]
	if !ok {
		name, p = "dark", palettes["dark"]
	}
	th := &theme{
		name: name, spark: []string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, more: "…", h: "─", v: "│",
		ok: "✓", no: "✗", what: "?", mark: "▸", dot: "·", arrow: "→", change: "▲", box: [4]string{"┌", "┐", "└", "┘"},
	}
	if ascii {
		th.spark = []string{" ", ".", ":", "-", "=", "+", "*", "#", "@"}
		th.more, th.h, th.v, th.ok, th.no, th.mark, th.dot, th.arrow, th.change = "~", "-", "|", "+", "x", ">", "-", "->", "^"
		th.box = [4]string{"+", "+", "+", "+"}
	}
	for s, codes := range p {
		if codes != "" {
			th.sgr[s] = "\x1b[" + codes + "m"
		}
	}
	return th
}

// heat gives the step of the ramp for an error rate.
func heat(rate float64, req int64) style {
	switch {
	case req == 0 || rate < 0.005:
		return heat0
	case rate < 0.02:
		return heat1
	case rate < 0.05:
		return heat2
	case rate < 0.20:
		return heat3
	case rate < 0.50:
		return heat4
	}
	return heat5
}

// fixed draws the console's own glyphs, which are known to be one column each.
func (r *row) fixed(s style, glyphs string, columns int) *row {
	if r.full || columns > r.max-r.used {
		return r
	}
	r.write(s, glyphs)
	r.used += columns
	return r
}
