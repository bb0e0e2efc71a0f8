package ui

import (
	"errors"
	"io"
	"sync"
)

// keyboard is the side of the terminal that is read. It notices that the terminal has gone: Bubble Tea takes the end of its input
// for a quiet operator, and would go on before a window that nobody sees.
type keyboard struct {
	in   io.Reader
	lost func(error) bool // see Options
	once sync.Once
	gone chan struct{} // closed when the terminal has
}

func newKeyboard(o Options) *keyboard {
	k := &keyboard{in: o.In, lost: o.Lost, gone: make(chan struct{})}
	if k.lost == nil {
		k.lost = func(error) bool { return false }
	}
	return k
}

// Read reads what is typed.
func (k *keyboard) Read(p []byte) (int, error) {
	n, err := k.in.Read(p)
	if errors.Is(err, io.EOF) || k.lost(err) { // a terminal in raw mode ends in no other way
		k.once.Do(func() { close(k.gone) })
	}
	return n, err
}

// silent tells whether nobody can type any more.
func (k *keyboard) silent() bool {
	select {
	case <-k.gone:
		return true
	default:
		return false
	}
}

// input is the keyboard as Bubble Tea is to see it: as a terminal where it is one, so that it can be set to raw and its
// reading be cancelled.
func (k *keyboard) input() io.Reader {
	if f, ok := k.in.(device); ok {
		return deviceKeyboard{f, k}
	}
	return k
}

// device is what an open file tells of itself.
type device interface {
	io.ReadWriteCloser
	Fd() uintptr
	Name() string
}

// deviceKeyboard is a keyboard that is a device.
type deviceKeyboard struct {
	device
	k *keyboard
}

func (d deviceKeyboard) Read(p []byte) (int, error) { return d.k.Read(p) }
