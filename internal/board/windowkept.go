package board

import (
	"encoding/binary"
	"maps"
)

// mostKept bounds how many windows are kept.
const mostKept = 256

// kept are the windows that were counted since the board last changed. Many ask the same: a dozen runbooks want to know what
// failed in the last two minutes of one scope, once for each live burst, and each answer is a look at all series.
type kept struct {
	windows map[string]Window
	key     []byte // used again
}

// of gives a window that was counted, and the name to keep it by; "" for one that is not kept.
func (k *kept) of(q *Query) (w Window, name string, ok bool) {
	if q.Skip != NoSketch || len(q.Codes)+len(q.Classes) > 0 { // sketches are large, and change when they are read
		return Window{}, "", false
	}
	b := binary.AppendVarint(binary.AppendVarint(k.key[:0], q.From.UnixNano()), q.To.UnixNano())
	for _, t := range q.Sel.Terms {
		b = binary.AppendUvarint(append(b, byte(t.Dim)), uint64(len(t.Any))<<1|bit(t.Not))
		for _, s := range t.Any {
			b = binary.AppendUvarint(b, uint64(s))
		}
	}
	k.key = b
	if w, ok = k.windows[string(b)]; ok {
		w.ByOutcome = maps.Clone(w.ByOutcome)
		return w, "", true
	}
	return Window{}, string(b), false
}

func bit(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

// keep keeps a window until the board changes.
func (k *kept) keep(name string, w Window) {
	if name == "" || len(k.windows) >= mostKept {
		return
	}
	if k.windows == nil {
		k.windows = make(map[string]Window)
	}
	w.ByOutcome = maps.Clone(w.ByOutcome)
	k.windows[name] = w
}

// forget is called with each change of the board.
func (k *kept) forget() { clear(k.windows) }
