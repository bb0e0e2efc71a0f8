package traffic

import "time"

// Line is a success that says nothing odd, on its way from a source to the board: what counts of it, and where its
// texts are. Most lines of most logs are such, and none of them needs strings of its own.
type Line struct {
	Brief
	Served, Finish Sym
	Shape          uint64
	After          int32  // how many records of the batch come before it
	Begin, Size    uint32 // where the line lies in the text, as far as it is kept
	ID, IDSize     uint32 // where in the line the request id lies
}

// Lines are the plain successes of a batch. They belong to whoever emits them: the receiver has read them when it
// returns, and keeps nothing of them.
type Lines struct {
	Places *Places // whose numbers the lines carry: the same for all batches of one source, and not to be read
	Keys   []Key   // by those numbers
	Source Sym
	Text   []byte
	All    []Line
}

// Len is the number of lines; nil has none.
func (l *Lines) Len() int {
	if l == nil {
		return 0
	}
	return len(l.All)
}

// Reset forgets the lines and keeps the room.
func (l *Lines) Reset() { l.Text, l.All = l.Text[:0], l.All[:0] }

// Join adds the lines of another, of the same places, before which there are as many records more. The other is left
// without lines, and with the room that this one had.
func (l *Lines) Join(o *Lines, records int) {
	if len(o.All) == 0 {
		return
	}
	l.Places, l.Keys, l.Source = o.Places, o.Keys, o.Source
	if len(l.All) == 0 {
		l.Text, o.Text = o.Text, l.Text
		l.All, o.All = o.All, l.All
		for i := range l.All {
			l.All[i].After += int32(records) //nolint:gosec // as many as a batch has
		}
		o.Reset()
		return
	}
	from := uint32(len(l.Text)) //nolint:gosec // a batch has a few blocks of text
	l.Text = append(l.Text, o.Text...)
	for i := range o.All {
		l.All = append(l.All, o.All[i])
		x := &l.All[len(l.All)-1]
		x.Begin += from
		x.After += int32(records) //nolint:gosec // as many as a batch has
	}
	o.Reset()
}

// Raw gives a line as it was read, and its request id.
func (l *Lines) Raw(x *Line) (raw, id []byte) {
	raw = l.Text[x.Begin : x.Begin+x.Size]
	return raw, raw[x.ID : x.ID+x.IDSize]
}

// Record makes the record that the line is in short.
func (l *Lines) Record(x *Line) Record {
	raw, id := l.Raw(x)
	return Record{
		Time: time.Unix(0, x.At).UTC(), Received: x.Marks&Received != 0, Key: l.Keys[x.Place], Served: x.Served, Outcome: x.Outcome, Known: x.Known,
		Latency: time.Duration(x.Latency), TTFT: time.Duration(x.TTFT),
		TokensIn: x.TokensIn, TokensOut: x.TokensOut, TokensCached: x.TokensCached, Attempt: int(x.Attempt),
		FallbackFrom: x.From, Finish: x.Finish, Source: l.Source, Shape: x.Shape,
		RequestID: string(id), Raw: string(raw),
	}
}
