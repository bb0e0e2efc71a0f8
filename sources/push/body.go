package push

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Read gives the body of a request, unpacked. An error is a Refusal.
func (d *Door) Read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var packed io.Reader = http.MaxBytesReader(w, r.Body, d.opt.MaxBody)
	if given := d.signature(r); given != "" {
		whole, err := io.ReadAll(packed)
		if err != nil {
			return nil, d.unread(err)
		}
		mac := hmac.New(sha256.New, []byte(d.opt.Token))
		_, _ = mac.Write(whole) // a hash takes everything
		if want, err := hex.DecodeString(strings.TrimPrefix(given, "sha256=")); err != nil || !hmac.Equal(want, mac.Sum(nil)) {
			return nil, Refusal{Status: http.StatusUnauthorized, Text: "the signature does not fit: sign the body with the token of the source"}
		}
		packed = bytes.NewReader(whole)
	}
	var body io.Reader
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		body = packed
	case "gzip", "x-gzip":
		zr, err := gzip.NewReader(packed)
		if err != nil {
			return nil, d.unread(err)
		}
		body = zr
	default:
		w.Header().Set("Accept-Encoding", "gzip, identity")
		return nil, Refusal{Status: http.StatusUnsupportedMediaType, Text: "the body is packed in a way that is not known here: send it plain or with gzip"}
	}
	var out bytes.Buffer
	if n := r.ContentLength; n > 0 {
		out.Grow(int(min(n, d.opt.MaxBody))) // as said by the sender, within what is let in anyway
	}
	n, err := io.Copy(&out, io.LimitReader(body, d.opt.MaxPlain+1))
	switch {
	case err != nil:
		return nil, d.unread(err)
	case n > d.opt.MaxPlain:
		return nil, Refusal{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("unpacked, the body is larger than %d bytes: send smaller batches", d.opt.MaxPlain)}
	}
	return out.Bytes(), nil
}

// signature gives the signature that a request shows in place of the token, "" for none.
func (d *Door) signature(r *http.Request) string {
	if d.opt.Signature == "" || d.opt.Token == "" {
		return ""
	}
	return r.Header.Get(d.opt.Signature)
}

func (d *Door) unread(err error) error {
	if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
		return Refusal{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the body is larger than %d bytes: send smaller batches", d.opt.MaxBody)}
	}
	return Refusal{Status: http.StatusBadRequest, Text: "the body cannot be read: " + err.Error()}
}
