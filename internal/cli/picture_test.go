package cli_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"
)

// TestPicture draws the picture of the README: the real console on the real drill, in a terminal of 120x40, with a
// burst found, its runbook open and a lever out. SIGNALBOX_PICTURE says where to.
func TestPicture(t *testing.T) {
	file := os.Getenv("SIGNALBOX_PICTURE")
	if file == "" {
		t.Skip("it draws docs/console.svg: make picture")
	}
	t.Setenv("COLORTERM", "truecolor")
	t.Setenv("TMPDIR", t.TempDir()) // where the drill keeps its logs: it is killed at the end
	x := openTerminal(t, t.TempDir(), "--as", "ana", "drill", "azure-eu-502")
	x.walkToCap(t)
	x.sees(t, "OUT cap.set", "obeyed ✓ yes", "HELPED", "step 6 of")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, x.picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// walkToCap goes through the runbook of the drill as an operator would: scope, status page, pause, cap.
func (x *terminal) walkToCap(t *testing.T) {
	t.Helper()
	x.sees(t, "1 burst", "gpt-4o@eu-west")
	x.press(t, "b", "r")
	if strings.Contains(x.until(t, "the runbook or a choice of them is there", func(s string) bool {
		return strings.Contains(s, "step 1 of") || strings.Contains(s, "start which runbook?")
	}), "start which runbook?") {
		x.press(t, enter)
	}
	x.sees(t, "step 1 of", "TRUE    the burst is real", "TRUE    users feel it")
	x.press(t, "d")
	x.sees(t, "step 2 of", "What does the provider's status page say")
	x.press(t, enter)
	x.sees(t, "degraded everywhere", "enter take it")
	x.press(t, enter)
	x.sees(t, "= all green")
	x.press(t, "d")
	x.sees(t, "3. Reduce load safely", "step 3 of")
	x.press(t, "d")
	x.sees(t, "3a. Pause batch work", "step 4 of")
	x.press(t, enter)
	x.sees(t, "plan: workload.pause batch", "to confirm:")
	x.press(t, "batch", enter)
	x.sees(t, "OUT workload.pause", "accepted ✓ yes 2/2")
	x.press(t, "d")
	x.sees(t, "step 5 of", "3b. Cap the failing deployment")
	x.press(t, enter)
	x.sees(t, "plan: cap.set", "y SENDS it")
	x.press(t, "y")
	x.sees(t, "OUT cap.set", "accepted ✓ yes 2/2")
	x.press(t, "d")
}

// The measures of a cell and the look of what has no colour of its own.
const (
	cellWidth, cellHeight = 8.4, 18
	margin                = 14
	paper, ink            = "#11151a", "#d8dce0"
)

// bold and reverse are bits of a cell's attributes.
const (
	bold    = 1
	faint   = 2
	reverse = 32
)

// look is how a run of cells is drawn.
type look struct {
	fg, bg string
	attrs  uint8
}

// picture draws the screen as SVG: a rectangle for each run with a background, a text for each run of one look. Every
// run says how wide it is, so that columns stay columns in whatever font is there.
func (x *terminal) picture() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	w, h := x.em.Width(), x.em.Height()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="14" xml:space="preserve">`+"\n",
		float64(w)*cellWidth+2*margin, h*cellHeight+2*margin)
	fmt.Fprintf(&b, "<title>The console of Signalbox during a drill</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"%s\"/>\n", paper)
	for y := range h {
		for from := 0; from < w; {
			how, text, to := x.stretch(from, y)
			drawRun(&b, how, text, from, to, y)
			from = to
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// stretch gives the run of cells of one look that begins at a column, its text, and the column after it.
func (x *terminal) stretch(from, y int) (look, string, int) {
	how := x.look(from, y)
	var text strings.Builder
	to := from
	for to < x.em.Width() && x.look(to, y) == how {
		width := 1
		if c := x.em.CellAt(to, y); c != nil && c.Width > 0 {
			text.WriteString(c.Content)
			width = c.Width
		} else {
			text.WriteString(" ")
		}
		to += width
	}
	return how, text.String(), to
}

func (x *terminal) look(col, row int) look {
	c := x.em.CellAt(col, row)
	if c == nil {
		return look{fg: ink}
	}
	how := look{fg: hex(c.Style.Fg, ink), bg: hex(c.Style.Bg, ""), attrs: c.Style.Attrs}
	if how.attrs&reverse != 0 {
		if how.bg == "" {
			how.bg = paper
		}
		how.fg, how.bg = how.bg, how.fg
	}
	return how
}

func hex(c color.Color, otherwise string) string {
	if c == nil {
		return otherwise
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

func drawRun(b *bytes.Buffer, how look, text string, from, to, row int) {
	left, width := margin+float64(from)*cellWidth, float64(to-from)*cellWidth
	if how.bg != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, margin+row*cellHeight, width, cellHeight, how.bg)
	}
	// Spaces at the edges are not drawn; they would only make the file larger.
	trimmed := strings.TrimLeft(text, " ")
	skipped := len(text) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, " ")
	if trimmed == "" {
		return
	}
	extra := ""
	if how.attrs&bold != 0 {
		extra += ` font-weight="bold"`
	}
	if how.attrs&faint != 0 {
		extra += ` opacity="0.6"`
	}
	columns := to - from - (len(text) - len(trimmed))
	fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>`,
		left+float64(skipped)*cellWidth, margin+row*cellHeight+cellHeight-5, float64(columns)*cellWidth, how.fg, extra)
	_ = xml.EscapeText(b, []byte(trimmed)) // a buffer takes all
	b.WriteString("</text>\n")
}

func TestPictureOfAScreen(t *testing.T) {
	t.Parallel()
	x := &terminal{em: vt.NewEmulator(20, 2)}
	defer x.em.Close()
	if _, err := x.em.Write([]byte("a <b> & \x1b[1;38;2;255;140;66mbad\x1b[m \x1b[48;2;1;2;3m  x\x1b[m")); err != nil {
		t.Fatal(err)
	}
	got := string(x.picture())
	for _, want := range []string{
		">a &lt;b&gt; &amp;</text>", `fill="#ff8c42" font-weight="bold">bad</text>`, `width="25.2" height="18" fill="#010203"`, ">x</text>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if err := xml.Unmarshal([]byte(got), new(struct{})); err != nil {
		t.Errorf("%v in\n%s", err, got)
	}
}
