package decode

import (
	"strings"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// verdicts remembers what the latest failures meant: in a burst the same error comes again and again. What is not
// found is classified anew, so that it may forget at any time.
type verdicts struct {
	slots []*judged
}

// judged is one failure as a line told it.
type judged struct {
	code, kind, message, finish, term string // as they stand in the line
	status                            int
	provider                          traffic.Sym
	stream                            bool
	fault.Verdict
	codeText, kindText, text string // fit for a record
}

const (
	judgedSlots = 4096
	judgedWays  = 4       // slots in which one failure may stand: two that come in turn must not drive each other out
	maxJudged   = 2 << 10 // bytes of an error's text; longer ones are not remembered
)

// classify gives the verdict on a failure and its texts.
func (r *recorder) classify(d *draft, provider traffic.Sym, stream bool, status int) *judged {
	code, kind, message, finish := d.word(fCode), d.word(fType), d.word(fMessage), d.word(fFinish)
	h := mix(uint64(status)^uint64(provider)<<16, 0xa0761d6478bd642f) //nolint:gosec // a hash
	if stream {
		h++
	}
	for _, b := range [...][]byte{code, kind, message, finish} {
		h = hashed(h, b)
	}
	if r.verdicts.slots == nil {
		r.verdicts.slots = make([]*judged, judgedSlots)
	}
	ways := r.verdicts.slots[h%(judgedSlots/judgedWays)*judgedWays:][:judgedWays]
	free := judgedWays - 1
	for i, j := range ways {
		if j == nil {
			free = i
			break
		}
		if j.status == status && j.provider == provider && j.stream == stream && j.term == d.term &&
			j.code == string(code) && j.kind == string(kind) && j.message == string(message) && j.finish == string(finish) {
			if i > 0 {
				ways[i-1], ways[i] = j, ways[i-1] // the last one is forgotten first
			}
			return j
		}
	}
	j := &judged{status: status, provider: provider, stream: stream, term: strings.Clone(d.term)}
	j.codeText, j.kindText, j.text = d.text(fCode, maxWord), d.text(fType, maxWord), d.text(fMessage, MaxMessage)
	j.Verdict = fault.Classify(fault.Input{
		Text: d.text(fMessage, 8<<10), Status: status, Code: j.codeText, Type: j.kindText,
		Provider: r.kit.Symbols.Name(provider), Finish: d.text(fFinish, maxWord), Term: d.term, Stream: stream,
	})
	if len(code)+len(kind)+len(message)+len(finish) <= maxJudged {
		j.code, j.kind, j.message, j.finish = string(code), string(kind), string(message), string(finish)
		ways[free] = j
	}
	return j
}
