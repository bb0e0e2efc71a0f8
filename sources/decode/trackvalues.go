package decode

import (
	"encoding/binary"
	"math/bits"
	"time"

	"signalbox/internal/traffic"
)

// passScalar gives the offset behind any scalar, 0 where none is certain.
func passScalar(buf []byte, i int, s *step) int {
	p := (*[reach]byte)(buf[i:])
	if p[0] != '"' {
		return passBare(buf, i)
	}
	if s.skip < 2*8 { // most of such texts end within two words: both are looked at, whichever has the end
		x, y := binary.LittleEndian.Uint64(p[1:9]), binary.LittleEndian.Uint64(p[9:17])
		m, end := special(x), i+1
		if m == 0 {
			m, end = special(y), i+9
		}
		if m == 0 {
			i += 2 * 8 // nothing odd so far
		} else if end += bits.TrailingZeros64(m) >> 3; buf[end] == '"' {
			return end + 1
		}
	} else if end := sameEnd(buf, i+1, s); end > 0 {
		return end + 1
	}
	if end, _ := textEnd(buf, i+1); end > 0 {
		return end + 1
	}
	return 0
}

// passBare gives the offset behind a scalar without quotes.
func passBare(buf []byte, i int) int {
	c := buf[i]
	if c-'0' > 9 {
		_, end := scalarEnd(buf, i)
		return end
	}
	p := (*[reach]byte)(buf[i:])
	if whole := digitsOf(p, 0); whole < 8 && (c != '0' || whole == 1) {
		if p[whole] != '.' {
			return i + whole // an exponent is no byte that a step begins with
		}
		if frac := digitsOf(p, whole+1); frac > 0 && frac < 8 {
			return i + whole + 1 + frac
		}
	}
	_, end := scalarEnd(buf, i)
	return end
}

// Digits eight at a time.
const (
	zeros   = '0' * ones
	toHighs = 0x76 * ones // what makes a high bit of 10 and more
)

// digitsOf counts the digits at an offset, up to eight.
func digitsOf(p *[reach]byte, at int) int {
	t := binary.LittleEndian.Uint64(p[at&(inPlace-1):]) ^ zeros
	return bits.TrailingZeros64((t+toHighs|t)&highs) >> 3
}

// sameEnd finds the quote behind a text where it stood in earlier lines, if there are neither escapes nor anything but
// ASCII before it; else 0.
func sameEnd(buf []byte, i int, s *step) int {
	end := i + int(s.skip)
	if s.skip < 8 || end >= len(buf) {
		return 0
	}
	if buf[end] == '"' {
		bad := odd(binary.LittleEndian.Uint64(buf[end-8:]))
		for ; i < end-8; i += 8 {
			bad |= odd(binary.LittleEndian.Uint64(buf[i:]))
		}
		if bad == 0 {
			return end
		}
	}
	if s.off++; s.off > maxOff {
		s.skip = 0
	}
	return 0
}

// passASCII finds the quote behind a text that has neither escapes nor anything but ASCII.
func passASCII(buf []byte, i int, s *step) int {
	if end := sameEnd(buf, i, s); end > 0 {
		return end
	}
	if end, plain := textEnd(buf, i); plain {
		return end
	}
	return 0
}

// odd tells of eight bytes whether any is a quote, a backslash, a control character or beyond ASCII: of two different bytes
// none can have the high bit set and make both sums have it.
func odd(x uint64) uint64 {
	const low = 0x7f * ones
	return (x+0x60*ones)&(x^quotes+low)&(x^slashes+low)&highs ^ highs
}

// shortNumber reads the number at an offset of which p are the bytes: up to seven digits, and as many behind a point. It
// gives all digits as one number, how many stand behind the point, and the offset behind it, 0 for any other number.
func shortNumber(p *[reach]byte, i int) (n int64, frac, end int) {
	t := binary.LittleEndian.Uint64(p[:8]) ^ zeros
	whole := bits.TrailingZeros64((t+toHighs|t)&highs) >> 3
	if whole == 0 || whole > 7 || t&0xff == 0 && whole > 1 {
		return 0, 0, 0
	}
	n = eightDigits(t << (64 - 8*whole))
	if p[whole] != '.' {
		return n, 0, i + whole
	}
	t = binary.LittleEndian.Uint64(p[whole+1:]) ^ zeros
	frac = bits.TrailingZeros64((t+toHighs|t)&highs) >> 3
	if frac == 0 || frac > 7 {
		return 0, 0, 0
	}
	return n*int64(tens[frac]) + eightDigits(t<<(64-8*frac)), frac, i + whole + 1 + frac
}

// eightDigits makes a number of eight bytes that are digits less '0', the first in the lowest.
func eightDigits(t uint64) int64 {
	t = t * (10<<8 + 1) >> 8 & 0x00ff00ff00ff00ff
	t = t * (100<<16 + 1) >> 16 & 0x0000ffff0000ffff
	return int64(t * (10000<<32 + 1) >> 32) //nolint:gosec // eight digits
}

// number reads a number that counts, or null.
func (t *track) number(buf []byte, i int, s *step, b *traffic.Brief) int {
	p := (*[reach]byte)(buf[i:])
	n, frac, end := shortNumber(p, i)
	if end == 0 {
		if binary.LittleEndian.Uint32(p[:4]) == wordNull && !s.strict {
			return i + 4
		}
		return t.longNumber(buf, i, s, b)
	}
	if s.do == readSpan {
		x := float64(n)
		if frac > 0 {
			x /= tens[frac]
		}
		took, ok := span(x, s.unit)
		if !ok {
			return 0
		}
		t.setSpan(b, s, took)
		return end
	}
	if frac > 0 {
		return 0
	}
	return t.setCount(b, s, n, end)
}

// longNumber reads the others as a draft has them.
func (t *track) longNumber(buf []byte, i int, s *step, b *traffic.Brief) int {
	kind, end := scalarEnd(buf, i)
	if kind != numberValue {
		return 0
	}
	d := &t.worker.dec.generic.d
	d.vals[s.f], d.units[s.f], d.rank[s.f] = value{kind: kind, bytes: buf[i:end]}, s.unit, 1
	if s.do == readSpan {
		took, ok := d.span(s.f)
		if !ok {
			return 0
		}
		t.setSpan(b, s, took)
		return end
	}
	n, ok := d.count(s.f)
	if !ok {
		return 0
	}
	return t.setCount(b, s, n, end)
}

func (t *track) setSpan(b *traffic.Brief, s *step, took time.Duration) {
	b.Known |= s.has
	if s.f == fLatency {
		b.Latency = int64(took)
	} else {
		b.TTFT = int64(took)
	}
}

func (t *track) setCount(b *traffic.Brief, s *step, n int64, end int) int {
	switch s.f {
	case fTokensIn:
		b.TokensIn = n
	case fTokensOut:
		b.TokensOut = n
	case fTokensCached:
		b.TokensCached = n
	case fAttempt:
		if n >= 1e6 {
			return 0
		}
		b.Attempt = int32(n) //nolint:gosec // bounded
	default:
		return 0
	}
	b.Known |= s.has
	return end
}

// time reads the event time. "2026-08-22T14:00:00.002339Z" it reads by itself where the minute is that of an earlier line.
func (t *track) time(buf []byte, i int, s *step, b *traffic.Brief) int {
	const size = len(`"2026-08-22T14:00:00.002339Z"`)
	m := &t.worker.dec.rec.minute
	p := (*[reach]byte)(buf[i:])
	if m.unix != 0 && string(p[1:17]) == string(m.text[:]) && p[0] == '"' && p[17] == ':' && p[20] == '.' && p[27] == 'Z' && p[28] == '"' {
		ten, one := p[18]-'0', p[19]-'0'
		d := binary.LittleEndian.Uint64(p[21:29]) ^ zeros
		if sec := m.unix + int64(ten)*10 + int64(one); ten <= 5 && one <= 9 && (d+toHighs|d)&highs<<16 == 0 && sec < t.before {
			b.At = sec*int64(time.Second) + eightDigits(d<<16)*1000
			return i + size
		}
	}
	return t.longTime(buf, i, s, b)
}

// longTime reads the others as a worker has them.
func (t *track) longTime(buf []byte, i int, s *step, b *traffic.Brief) int {
	v, end := value{kind: stringValue}, 0
	if buf[i] == '"' {
		if end = passASCII(buf, i+1, s); end <= i+1 {
			return 0
		}
		v.bytes = buf[i+1 : end]
		end++
	} else if v.kind, end = scalarEnd(buf, i); v.kind != numberValue {
		return 0
	} else {
		v.bytes = buf[i:end]
	}
	w := t.worker
	sec, nsec, ok := w.dec.rec.minute.read(v)
	if !ok {
		at, ok := parseTime(v, w.dec.d.zone)
		if !ok || at.IsZero() {
			return 0
		}
		sec, nsec = at.Unix(), int64(at.Nanosecond())
	}
	if sec >= t.before {
		return 0
	}
	b.At = sec*int64(time.Second) + nsec
	return end
}
