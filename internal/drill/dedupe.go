package drill

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	keptFor     = 2 * time.Minute
	keptAnswers = 2000
	keptBytes   = 256 << 10 // of one answer; a longer one is not kept
)

// dedupe remembers good answers by the client's idempotency key, so that a
// client that did not hear the answer and asks again gets the same one, and
// the provider is asked once. Failed answers are forgotten: a repeat may mend.
type dedupe struct {
	mu    sync.Mutex
	byKey map[string]*kept
	order []string // oldest first
}

type kept struct {
	hash   uint64        // of the request that the key belongs to
	done   chan struct{} // closed when the first request ended
	ok     bool          // set before done is closed
	answer recorded
	at     time.Time
}

type recorded struct {
	header http.Header
	body   []byte
}

func newDedupe() *dedupe { return &dedupe{byKey: map[string]*kept{}} }

// verdict on one request with a key.
type verdict int

const (
	lead     verdict = iota // answer it, then call settle
	replay                  // send the recorded answer
	conflict                // the key belongs to another request
	gone                    // the client left while it waited
)

// claim finds out what to do with a request. It waits while the same request
// is being answered.
func (d *dedupe) claim(ctx context.Context, key string, hash uint64) (*kept, verdict) {
	for {
		k, first := d.enter(key, hash, time.Now())
		switch {
		case first:
			return k, lead
		case k.hash != hash:
			return nil, conflict
		}
		select {
		case <-k.done:
			if k.ok {
				return k, replay
			}
		case <-ctx.Done():
			return nil, gone
		}
	}
}

func (d *dedupe) enter(key string, hash uint64, now time.Time) (*kept, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.order) > 0 {
		oldest := d.byKey[d.order[0]]
		if oldest != nil && len(d.order) < keptAnswers && now.Sub(oldest.at) < keptFor {
			break
		}
		delete(d.byKey, d.order[0])
		d.order = d.order[1:]
	}
	if k := d.byKey[key]; k != nil {
		return k, false
	}
	k := &kept{hash: hash, done: make(chan struct{}), at: now}
	d.byKey[key] = k
	d.order = append(d.order, key)
	return k, true
}

// settle ends the first request of a key; every lead needs one.
func (d *dedupe) settle(key string, k *kept, ok bool, answer recorded) {
	d.mu.Lock()
	if !ok && d.byKey[key] == k {
		delete(d.byKey, key)
	}
	d.mu.Unlock()
	k.ok, k.answer = ok, answer
	close(k.done)
}

// recorder passes an answer on and keeps a copy while it is small.
type recorder struct {
	http.ResponseWriter
	copy     bytes.Buffer
	overflow bool
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.copy.Len()+len(p) > keptBytes {
		r.overflow = true
	} else {
		r.copy.Write(p)
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach Flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) recorded() recorded {
	return recorded{header: r.Header().Clone(), body: r.copy.Bytes()}
}

func (a recorded) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.body) // the client left: nobody to tell
}
