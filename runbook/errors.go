package runbook

import (
	"errors"
	"fmt"
)

func located(file string, line int, text string) string {
	switch {
	case file == "" && line <= 0:
		return text
	case line <= 0:
		return file + ": " + text
	}
	return fmt.Sprintf("%s:%d: %s", file, line, text)
}

// Error is one located mistake of an author.
type Error struct {
	File string
	Line int
	What string // what is wrong
	Try  string // what to write instead
}

// Error gives "file:line: what; what to write instead".
func (e *Error) Error() string {
	s := e.What
	if e.Try != "" {
		s += "; " + e.Try
	}
	return located(e.File, e.Line, s)
}

// Errors unpacks what Parse returned into its located errors, in the order of the file.
func Errors(err error) []*Error {
	var one *Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, Errors(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []*Error{one}
	}
	return nil
}
