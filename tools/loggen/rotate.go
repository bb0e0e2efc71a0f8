package main

import (
	"fmt"
	"io"
	"os"
)

// rotator is the output, which may rotate itself.
type rotator struct {
	path, mode string
	f          *os.File
	n          int
}

func newRotator(o *options) (*rotator, error) {
	rot := &rotator{path: o.out, mode: o.rotMode, f: os.Stdout}
	if o.out == "-" {
		return rot, nil
	}
	how := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !o.appendTo {
		how |= os.O_TRUNC
	}
	var err error
	rot.f, err = os.OpenFile(o.out, how, 0o644)
	return rot, err
}

func (o *rotator) Write(p []byte) (int, error) { return o.f.Write(p) }

func (o *rotator) rotate() error {
	o.n++
	old := fmt.Sprintf("%s.%d", o.path, o.n)
	if o.mode == "copytruncate" {
		src, err := os.Open(o.path)
		if err != nil {
			return err
		}
		defer src.Close()
		dst, err := os.Create(old)
		if err != nil {
			return err
		}
		if _, err = io.Copy(dst, src); err == nil {
			err = dst.Close()
		}
		if err != nil {
			return err
		}
		return os.Truncate(o.path, 0)
	}
	if err := os.Rename(o.path, old); err != nil {
		return err
	}
	o.f.Close()
	var err error
	o.f, err = os.OpenFile(o.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return err
}
