package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Secret says where a secret is kept; it never holds the secret itself. The zero Secret is none.
type Secret struct {
	env     string
	file    string
	command []string
	hide    []string // variables with other secrets, kept from the command
}

// SecretFromEnv is the secret in an environment variable.
func SecretFromEnv(name string) Secret { return Secret{env: name} }

// SecretFromFile is the secret in a file that nobody else may read.
func SecretFromFile(path string) Secret { return Secret{file: path} }

// SecretFromCommand is the secret that a command prints.
func SecretFromCommand(command ...string) Secret { return Secret{command: command} }

// The bounds of a secret: its length, and how long a command may take to give it.
const (
	maxSecret     = 64 << 10
	secretTimeout = 15 * time.Second
)

// ErrUnset is an environment variable that should hold a secret and does not.
var ErrUnset = errors.New("not set")

// IsZero tells whether no secret was configured.
func (s Secret) IsZero() bool { return s.env == "" && s.file == "" && len(s.command) == 0 }

// String says where the secret is kept. A command's arguments are left out: they may hold another secret.
func (s Secret) String() string {
	switch {
	case s.env != "":
		return "env:" + s.env
	case s.file != "":
		return "file:" + s.file
	case len(s.command) > 1:
		return "command: " + s.command[0] + " …"
	case len(s.command) == 1:
		return "command: " + s.command[0]
	}
	return "none"
}

func (s *Secret) hideFrom(variables []string) {
	if s.command != nil {
		s.hide = variables
	}
}

// GoString keeps a command's arguments out of %#v too.
func (s Secret) GoString() string { return "config.Secret(" + s.String() + ")" }

// MarshalText writes where the secret is kept.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Resolve fetches the secret: from the variable that env gives, from the file, or from the command, which ends with ctx
// and after 15 s at the latest. A zero Secret resolves to "". No error repeats any part of a secret.
func (s Secret) Resolve(ctx context.Context, env func(string) string) (string, error) {
	value, err := s.fetch(ctx, env)
	if err != nil {
		return "", fmt.Errorf("reading the secret %s: %w", s, err)
	}
	if s.IsZero() {
		return "", nil
	}
	value = strings.TrimRight(value, "\r\n")
	if value == "" {
		return "", fmt.Errorf("reading the secret %s: it is empty; a token is one line", s)
	}
	// A line break in a token would end the header that carries it and begin another.
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("reading the secret %s: it has line breaks or control characters; a token is one line", s)
	}
	return value, nil
}

func (s Secret) fetch(ctx context.Context, env func(string) string) (string, error) {
	switch {
	case s.env != "":
		if v := env(s.env); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("%w; export %s before starting", ErrUnset, s.env)
	case s.file != "":
		return readSecret(s.file)
	case len(s.command) > 0:
		return s.run(ctx)
	}
	return "", nil
}

// readSecret checks the file that it opened, not the name: what was checked is what is read.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w; put it there, for you alone (chmod 600)", unwrapPath(err))
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%w; it must belong to the user of the console", unwrapPath(err))
	case err != nil:
		return "", unwrapPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", unwrapPath(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file; name the file itself")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("others may read it (mode %04o); chmod 600 %s", mode, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", unwrapPath(err)
	}
	if len(b) > maxSecret {
		return "", errors.New("it is longer than 64 KiB; that is no secret")
	}
	return string(b), nil
}

// unwrapPath drops the path from an error whose message already names it.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// run asks the command. Its standard error is not repeated: what fails while holding a secret may print it.
func (s Secret) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, secretTimeout, fmt.Errorf("no answer within %s", secretTimeout))
	defer cancel()
	var out bounded
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second // a grandchild may keep the pipe open
	cmd.Env = ChildEnvironment(s.hide)
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", fmt.Errorf("%w; run it by hand to see what it waits for", cause)
		}
		if out.over {
			return "", errors.New("it printed more than 64 KiB; that is no token")
		}
		return "", fmt.Errorf("%w; run it by hand to see why", err)
	}
	return out.buf.String(), nil
}

// ChildEnvironment is the environment for a command: ours, without the variables that hold secrets.
func ChildEnvironment(secret []string) []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(secret, name)
	})
}

// bounded keeps what a command prints up to the length of a secret, then fails the command's writes.
type bounded struct {
	buf  bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > maxSecret {
		b.over = true
		return 0, errors.New("too much output")
	}
	return b.buf.Write(p)
}
