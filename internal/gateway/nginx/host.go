package nginx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"signalbox/internal/filing"
	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// peer is one nginx: the files on its machine, the commands that test and reload it, and where its workers tell what
// they run.
type peer struct {
	name, status   string
	file, base     string
	through        []string // a command that runs another one on its machine; none: it is this machine
	test, reload   []string
	run            gateway.Runner
	client         *http.Client
	timeout, grace time.Duration // of one request; of the workers, to follow a reload
}

// reading is one nginx as just read.
type reading struct {
	peer   *peer
	base   levers
	now    levers
	runs   string // the generation that the workers tell
	notes  []string
	edited bool // by hand, since Signalbox wrote it: what the workers run is not certain
	err    error
}

// errUnloaded is a file that the workers do not run.
var errUnloaded = errors.New("the file and the workers differ")

// read looks at the files and asks the workers.
func (p *peer) read(ctx context.Context) reading {
	r := reading{peer: p}
	r.base, r.err = p.levers(ctx, p.base)
	if r.err != nil {
		return r
	}
	if r.now, r.err = p.levers(ctx, p.file); r.err != nil {
		return r
	}
	said := r.now.generation.text
	if r.base.render(r.now.values(), said) != r.now.text {
		r.err = fmt.Errorf("%s: %s differs from %s in more than levers: somebody has edited one of them; make them agree (`cp %s %s`, test, reload) before a lever is thrown",
			p.name, p.file, p.base, p.base, p.file)
		return r
	}
	if _, sum, _ := strings.Cut(said, "-"); sum != "" && sum != r.base.sum(r.now.values()) {
		r.edited = true
		r.notes = append(r.notes, fmt.Sprintf("%s was edited by hand after Signalbox wrote generation %s: whether the workers run it is not known", p.file, said))
	}
	if r.runs, r.err = p.generation(ctx); r.err == nil && r.runs != said {
		r.err = fmt.Errorf("%s: %w: %s is generation %s, the workers run %s; `%s` brings the file into force", p.name, errUnloaded, p.file, said, redact.Outside(r.runs, 40), gateway.Line(p.reload))
	}
	return r
}

func (p *peer) levers(ctx context.Context, file string) (levers, error) {
	text, err := p.get(ctx, file)
	if err != nil {
		return levers{}, fmt.Errorf("%s: reading %s: %w", p.name, file, err)
	}
	l, err := readLevers(text)
	if err != nil {
		return levers{}, fmt.Errorf("%s: %s: %w", p.name, file, err)
	}
	return l, nil
}

func (p *peer) get(ctx context.Context, file string) (string, error) {
	if len(p.through) > 0 {
		return p.command(ctx, []string{"cat", file}, nil)
	}
	f, err := os.Open(p.local(file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w; begin with a copy of the base file, included in nginx's http block", err)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return string(b), err
}

// put replaces the file of levers in one step, so that neither nginx nor a reader ever meets half of it.
func (p *peer) put(ctx context.Context, text string) error {
	if len(p.through) > 0 {
		if _, err := p.command(ctx, []string{"tee", p.file + ".new"}, strings.NewReader(text)); err != nil {
			return err
		}
		_, err := p.command(ctx, []string{"mv", p.file + ".new", p.file}, nil)
		return err
	}
	return filing.Put(p.local(p.file), []byte(text), filing.Options{Mode: 0o644}) // its readers are nginx and people
}

// alone keeps other consoles of this machine from writing the file meanwhile; over another machine's there is no lock.
func (p *peer) alone(ctx context.Context, do func()) error {
	if len(p.through) > 0 {
		do()
		return nil
	}
	lock := flock.New(p.local(p.file) + ".lock")
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if ok, err := lock.TryLockContext(ctx, followEvery); !ok {
		return fmt.Errorf("%s: %s is locked by another console: %w", p.name, lock.Path(), err)
	}
	defer func() { _ = lock.Unlock() }() // it ends with the process at the latest
	do()
	return nil
}

// local gives the path of a file of this machine.
func (p *peer) local(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(p.run.Dir, file)
}

// command runs one on the machine of this nginx.
func (p *peer) command(ctx context.Context, argv []string, input io.Reader) (string, error) {
	return p.run.Do(ctx, append(append([]string{}, p.through...), argv...), input)
}

// check runs nginx's own test of its configuration.
func (p *peer) check(ctx context.Context) error {
	said, err := p.command(ctx, p.test, nil)
	if err == nil {
		return nil
	}
	for line := range strings.Lines(said) { // the last line only says that it failed
		if strings.Contains(line, "[emerg]") {
			return fmt.Errorf("%w: %s", err, redact.Outside(strings.TrimSpace(line), 300))
		}
	}
	return err
}

// maxStatus bounds what the status location may say.
const maxStatus = 200

// generation asks the workers which generation they run, on a connection of its own, so that no old worker that keeps
// one open is asked.
func (p *peer) generation(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.status, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	req.Close = true
	resp, err := p.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%s: asking the workers at %s: %w; is nginx running?", p.name, p.status, gateway.Cause(ctx, err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus+1))
	said := strings.TrimSpace(string(b))
	if err != nil || resp.StatusCode != http.StatusOK || !generationShape.MatchString(said) {
		return "", fmt.Errorf("%s: %s answers %d %q and no generation; it wants `location = %s { return 200 %s; }`",
			p.name, p.status, resp.StatusCode, redact.Outside(said, 60), req.URL.Path, generationVar)
	}
	return said, nil
}

// A reload is believed when the workers tell the new generation so often in a row: until they have heard of it, old ones
// take connections as well.
const (
	agreeing    = 3
	followEvery = 20 * time.Millisecond
)

// follow waits for the workers to tell a generation.
func (p *peer) follow(ctx context.Context, want string) error {
	until := time.Now().Add(p.grace)
	for same := 0; ; {
		said, err := p.generation(ctx)
		if err == nil && said == want {
			if same++; same == agreeing {
				return nil
			}
			time.Sleep(followEvery)
			continue
		}
		same = 0
		if time.Now().After(until) || ctx.Err() != nil {
			if err == nil {
				err = fmt.Errorf("%s: after %s the workers still run generation %s; see nginx's error log", p.name, p.grace, redact.Outside(said, 40))
			}
			return err
		}
		time.Sleep(followEvery)
	}
}
