package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ask is one user's request, as its client sends it.
type ask struct {
	url, caller, workload, region, key string
	stream                             bool
	body                               []byte
}

// outcome is what the client got.
type outcome struct {
	ok         bool
	status     int // 0: no answer
	retryAfter time.Duration
}

// worth says whether a client repeats after it. Clients are not told why a
// stream broke, so that they repeat that too.
func (o outcome) worth() bool {
	return !o.ok && (o.status < 400 || o.status == http.StatusTooManyRequests || o.status >= 500)
}

// post sends the request once and reads the answer to its end.
func (a ask) post(ctx context.Context, client *http.Client) outcome {
	req, err := newPost(ctx, a.url+"/v1/chat/completions", a.body)
	if err != nil {
		return outcome{}
	}
	req.Header.Set("X-Caller", a.caller)
	req.Header.Set("X-Workload", a.workload)
	req.Header.Set("X-Region", a.region)
	req.Header.Set("Idempotency-Key", a.key)
	resp, err := client.Do(req)
	if err != nil {
		return outcome{}
	}
	defer resp.Body.Close()
	o := outcome{status: resp.StatusCode, retryAfter: retryAfter(resp.Header, time.Now())}
	if o.status != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, longestError)) // so that the connection can be used again
		return o
	}
	if a.stream {
		o.ok = wholeStream(resp.Body) == nil
	} else {
		o.ok = wholeAnswer(resp.Body) == nil
	}
	return o
}

var errHalf = errors.New("the answer is not complete")

func wholeStream(body io.Reader) error {
	finish := ""
	err := readEvents(body, func(data []byte) (bool, error) {
		p, err := openaiDialect{}.event(data)
		if err != nil {
			return false, err
		}
		if p.Finish != "" {
			finish = p.Finish
		}
		return !p.Last, nil
	})
	if err == nil && finish == "" {
		err = errHalf
	}
	return err
}

func wholeAnswer(body io.Reader) error {
	var a openaiAnswer
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return fmt.Errorf("reading answer: %w", err)
	}
	if len(a.Choices) == 0 || deref(a.Choices[0].Finish) == "" {
		return errHalf
	}
	return nil
}
