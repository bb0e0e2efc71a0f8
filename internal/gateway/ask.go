package gateway

import (
	"encoding/json"
	"time"
)

// Probe is one small request to a model, sent to see what comes back.
type Probe struct {
	ID     string // marks the request: the endpoint's log line has it as the request's id
	Model  string
	Stream bool
	Large  bool   // a prompt of about two thousand tokens instead of a few words
	Prompt string // in place of either
	// Fields are optional parameters of the request (response_format, tools, temperature); none are sent otherwise.
	Fields    map[string]json.RawMessage
	MaxTokens int // of the answer; 0 and what is over the endpoint's cap become the cap
}

// ProbeAnswer is what came back. Its texts are from outside: bounded, redacted and fit for a screen.
type ProbeAnswer struct {
	Endpoint   string        `json:"endpoint"`
	ID         string        `json:"id"`
	Model      string        `json:"model"` // that was asked for
	Stream     bool          `json:"stream,omitempty"`
	SentAt     time.Time     `json:"sent_at"`
	Status     int           `json:"status"`                // 0: no answer came
	Latency    time.Duration `json:"latency"`               // to the end of the answer
	FirstToken time.Duration `json:"ttft,omitempty"`        // of a streamed answer, to its first piece of text; 0: none came
	Pieces     int           `json:"pieces,omitempty"`      // events of a stream
	Complete   bool          `json:"complete"`              // the answer came to its end and is what was asked for
	Lacks      string        `json:"lacks,omitempty"`       // what is wrong with an answer of status 200 that is not complete
	Invalid    bool          `json:"invalid,omitempty"`     // what is wrong is its shape: not the JSON that was asked for
	Finish     string        `json:"finish,omitempty"`      // finish_reason
	Capped     bool          `json:"capped,omitempty"`      // it ended at the probe's own cap of tokens
	Served     string        `json:"served,omitempty"`      // the model that the answer says it is from
	Request    string        `json:"request,omitempty"`     // the request id that the endpoint gave
	TokensIn   int           `json:"tokens_in"`             // -1: not told
	TokensOut  int           `json:"tokens_out"`            // -1: not told
	RetryAfter string        `json:"retry_after,omitempty"` // as it came
	Error      bool          `json:"error,omitempty"`       // Code, Type and Text are those of an error
	Code       string        `json:"code,omitempty"`        // of an error
	Type       string        `json:"type,omitempty"`        // of an error
	Text       string        `json:"text,omitempty"`        // of an error, else the beginning of the answer
	Failed     string        `json:"failed,omitempty"`      // why no answer came, or not all of it
	TimedOut   bool          `json:"timed_out,omitempty"`
	Note       string        `json:"note,omitempty"` // what is odd about an answer that is complete
}

// Answered tells whether the endpoint gave a whole answer of the right shape.
func (a ProbeAnswer) Answered() bool { return a.Status >= 200 && a.Status < 300 && a.Complete }
