package tail

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// disk is what a source asks the file system. Whoever writes the log may do anything between two of the questions,
// and so do the tests that put another disk in its place.
type disk struct {
	open func(path string) (logFile, error)
	stat func(path string) (os.FileInfo, error)
	list func(dir string) ([]os.DirEntry, error)
}

// logFile is a file that is open to be read.
type logFile interface {
	io.ReaderAt
	Stat() (os.FileInfo, error)
	Name() string
	Close() error
}

func realDisk() *disk {
	return &disk{stat: os.Stat, list: os.ReadDir, open: func(path string) (logFile, error) {
		f, err := openToRead(path)
		if err != nil {
			return nil, fmt.Errorf("opening: %w", err)
		}
		return f, nil
	}}
}

// openToRead opens a file, and does not wait for the writer of a pipe that has taken its name.
func openToRead(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:wrapcheck // each caller says what it was for
}
