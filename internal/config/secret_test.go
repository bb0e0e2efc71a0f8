package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const canary = "sk-live-canary0123456789"

func TestSecretResolves(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	write(t, file, canary+"\n", 0o600)
	env := func(name string) string { return map[string]string{"TOKEN": canary}[name] }
	for _, s := range []Secret{SecretFromEnv("TOKEN"), SecretFromFile(file), SecretFromCommand("cat", file)} {
		got, err := s.Resolve(t.Context(), env)
		if err != nil || got != canary {
			t.Errorf("%s resolved to %q, %v", s, got, err)
		}
	}
	if got, err := (Secret{}).Resolve(t.Context(), env); got != "" || err != nil {
		t.Errorf("no secret resolved to %q, %v", got, err)
	}
}

func TestSecretRefuses(t *testing.T) {
	dir := t.TempDir()
	open, long, lines, none := filepath.Join(dir, "open"), filepath.Join(dir, "long"), filepath.Join(dir, "lines"), filepath.Join(dir, "none")
	write(t, open, canary, 0o640)
	write(t, long, strings.Repeat(canary, 10_000), 0o600)
	write(t, lines, canary+"\nX-Admin: yes", 0o600)
	write(t, none, "\n", 0o600)
	env := func(string) string { return "" }
	for _, c := range []struct {
		secret Secret
		want   string
	}{
		{SecretFromEnv("TOKEN"), "reading the secret env:TOKEN: not set; export TOKEN before starting"},
		{SecretFromFile(open), "others may read it (mode 0640); chmod 600 " + open},
		{SecretFromFile(dir), "not a regular file"},
		{SecretFromFile(filepath.Join(dir, "missing")), "no such file"},
		{SecretFromFile(long), "longer than 64 KiB"},
		{SecretFromFile(lines), "line breaks"},
		{SecretFromFile(none), "it is empty"},
		{SecretFromCommand("sh", "-c", "echo "+canary+" >&2; exit 3"), "exit status 3; run it by hand"},
		{SecretFromCommand("cat", long), "more than 64 KiB"},
		{SecretFromCommand(filepath.Join(dir, "no-such-program")), "no such file"},
	} {
		got, err := c.secret.Resolve(t.Context(), env)
		if err == nil || got != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v; want %q", c.secret, got, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error repeats the secret: %v", c.secret, err)
		}
	}
	if _, err := SecretFromEnv("TOKEN").Resolve(t.Context(), env); !errors.Is(err, ErrUnset) {
		t.Errorf("an unset variable is not ErrUnset: %v", err)
	}
}

func TestSecretCommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := SecretFromCommand("sleep", "60").Resolve(ctx, os.Getenv)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSecretCommandDoesNotInheritOtherSecrets(t *testing.T) {
	t.Setenv("BOX_OTHER_TOKEN", canary)
	t.Setenv("BOX_PLAIN", "plain")
	c, err := Parse("f.yaml", []byte(`
version: 1
gateways:
  - {name: a, kind: contract, instances: ["http://a"], token: env:BOX_OTHER_TOKEN}
  - {name: b, kind: contract, instances: ["http://b"], token: {command: [sh, -c, 'echo "[$BOX_OTHER_TOKEN][$BOX_PLAIN]"']}}
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Gateways[1].Token.Resolve(t.Context(), os.Getenv)
	if err != nil || got != "[][plain]" {
		t.Errorf("the command saw %q, %v", got, err)
	}
}

func TestSecretNeverShowsWhatACommandIsGiven(t *testing.T) {
	s := SecretFromCommand("vault", "login", canary)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	g := Gateway{Token: s}
	for _, shown := range []string{s.String(), string(b), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%v %+v %#v", g, g, g)} {
		if strings.Contains(shown, canary) || !strings.Contains(shown, "vault") {
			t.Errorf("shown as %s", shown)
		}
	}
}
