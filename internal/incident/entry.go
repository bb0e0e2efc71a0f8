// Package incident is what happened, written down: the journal that every fact goes to before anybody acts on it, and the views of
// it — incidents, timelines, exports. It knows no gateway, no detector and no screen; whoever has something to record fills the data
// of an entry (data.go) under a kind (kinds.go) and appends it.
package incident

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Version is the version of the journal's line that this package writes.
const Version = 1

// Actor is who did it: a person or a part of the program.
type Actor struct {
	ID  string `json:"id"`
	Via string `json:"via,omitempty"` // how the name is known: "claimed", "token", "mtls", or the part of the program: "desk", "drill"
}

// Entry is one line of the journal.
//
// The line is the JSON of the fields in this order, on one line, and ends in ,"hash":"…"} where hash is the SHA-256, in hex, of the
// exact bytes before that ,"hash": — which end in "prev":"…", the hash of the line before, so that each hash covers the whole past.
// The first line's prev is 64 zeros. To check line 7 by hand:
//
//	sed -n 7p journal.jsonl | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum
type Entry struct {
	V          int             `json:"v"`
	Seq        int64           `json:"seq"`         // 1, 2, 3 … without a gap
	At         time.Time       `json:"at"`          // when it happened
	RecordedAt time.Time       `json:"recorded_at"` // when it was written down
	Actor      Actor           `json:"actor"`
	Incident   string          `json:"incident,omitempty"` // empty: a fact outside any incident
	Run        string          `json:"run,omitempty"`
	Step       string          `json:"step,omitempty"`
	Kind       Kind            `json:"kind"`
	Data       json.RawMessage `json:"data,omitempty"`
	Prev       string          `json:"prev"`
	Hash       string          `json:"hash"`

	raw []byte // the line, where it has members that this version does not know
}

// Draft is an entry before it is written: the journal adds what makes it a line.
type Draft struct {
	At       time.Time // zero: the moment of writing
	Actor    Actor
	Incident string
	Run      string
	Step     string
	Kind     Kind
	Data     any // one of the …Data structs, or JSON
}

// Decode reads the entry's data into v. No data is no error: v stays as it is.
func (e *Entry) Decode(v any) error {
	if len(e.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		return fmt.Errorf("reading the data of entry %d (%s): %w", e.Seq, e.Kind, err)
	}
	return nil
}

const (
	hashLen  = 2 * sha256.Size
	hashOpen = `,"hash":"`
	hashTail = len(hashOpen) + hashLen + len(`"}`) // bytes after the hashed part
	prevOpen = `,"prev":"`
)

// genesis is the prev of the first line.
var genesis = strings.Repeat("0", hashLen)

var errNoHash = errors.New(`it does not end in ,"hash":"<64 hex digits>"}`)

// line writes the entry as its line, newline included, and sets its hash.
func (e *Entry) line() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	bare := struct {
		*Entry
		Hash string `json:"hash,omitempty"` // hides the entry's own
	}{Entry: e}
	if err := enc.Encode(bare); err != nil {
		return nil, fmt.Errorf("encoding entry %d (%s): %w", e.Seq, e.Kind, err)
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	e.Hash = sum(line)
	line = append(line, hashOpen...)
	line = append(line, e.Hash...)
	return append(line, '"', '}', '\n'), nil
}

// written returns the entry's line as it stands in the journal, newline included.
func (e *Entry) written() ([]byte, error) {
	if e.raw != nil {
		return append(bytes.Clone(e.raw), '\n'), nil
	}
	again := *e
	line, err := again.line()
	if err == nil && again.Hash != e.Hash { // changed after it was written: that is to be seen
		copy(line[len(line)-len("\"}\n")-hashLen:], e.Hash)
	}
	return line, err
}

func sum(hashed []byte) string {
	h := sha256.Sum256(hashed)
	return hex.EncodeToString(h[:])
}

// split parts a line, without its newline, into what the hash covers and the hash.
func split(line []byte) (hashed []byte, hash string, err error) {
	at := len(line) - hashTail
	if at < 1 || !bytes.HasPrefix(line[at:], []byte(hashOpen)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return nil, "", errNoHash
	}
	hash = string(line[at+len(hashOpen) : len(line)-2])
	if strings.Trim(hash, "0123456789abcdef") != "" {
		return nil, "", errNoHash
	}
	return line[:at], hash, nil
}

// parse reads one line, without its newline. It does not check the hash; see Verify.
func parse(line []byte) (Entry, error) {
	var e Entry
	if _, _, err := split(line); err != nil {
		return e, err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || dec.InputOffset() != int64(len(line)) {
		e = Entry{}
		if err := json.Unmarshal(line, &e); err != nil {
			return Entry{}, fmt.Errorf("not a line of a journal: %w", err)
		}
		e.raw = bytes.Clone(line)
	}
	if e.V < 1 || e.Seq < 1 || e.Kind == "" {
		return Entry{}, errors.New("not a line of a journal: v, seq or kind is missing")
	}
	return e, nil
}

// NewID makes an identifier such as inc-01j5… that sorts by time: the prefix and a lower-case ULID of at and ten bytes of entropy.
// Where entropy is nil or fails it is the system's.
func NewID(prefix string, at time.Time, entropy interface{ Read([]byte) (int, error) }) string {
	ms := at.UnixMilli()
	if ms < 0 {
		ms = 0
	}
	stamp := min(uint64(ms), ulid.MaxTime())
	id, err := ulid.ULID{}, errors.New("no entropy given")
	if entropy != nil {
		id, err = ulid.New(stamp, entropy)
	}
	if err != nil {
		id = ulid.MustNew(stamp, systemEntropy{}) // cannot fail: the time is in range and crypto/rand does not
	}
	return prefix + "-" + strings.ToLower(id.String())
}
