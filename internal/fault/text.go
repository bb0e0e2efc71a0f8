package fault

import (
	"strconv"
	"strings"
)

// maxText bounds what is read of a text: its head and its tail, because wrappers stand in front and the
// innermost cause often stands last.
const (
	maxText = 8 << 10
	tailLen = 3 << 10
)

type level uint8

const (
	levelUnknown level = iota
	levelInfo
	levelWarn
	levelError
)

// text is a line made ready for the rules: bounded, lower-cased, escapes and blanks evened out.
type text struct {
	raw    string // bounded, as it came
	low    string
	status int
	found  bool // the status was found in the text
	level  level
}

func newText(in Input) *text {
	raw := in.Text
	if len(raw) > maxText {
		raw = raw[:maxText-tailLen] + " " + raw[len(raw)-tailLen:]
	}
	if in.Code != "" || in.Type != "" {
		raw = clip(in.Code, maxEvidence) + " " + clip(in.Type, maxEvidence) + " " + raw
	}
	t := &text{raw: raw, low: even(raw), status: in.Status}
	if t.status < 100 || t.status > 599 {
		t.status = statusIn(t.low)
		t.found = t.status != 0
	}
	t.level = levelIn(t.low)
	return t
}

// even lower-cases a text, removes the backslashes of nested escapes and makes one blank of every run of
// blanks, so that a rule is written once for JSON, JSON in JSON, a Python dict and plain words.
func even(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			for i+1 < len(s) && s[i+1] == '\\' {
				i++
			}
			if i+1 >= len(s) {
				break
			}
			switch s[i+1] {
			case 'n', 'r', 't':
				i++
				c = ' '
			case '"', '\'', '/':
				i++
				c = s[i]
			default: // a Windows path or an escape that no rule asks for
			}
		}
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c < 0x20:
			if !blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = true
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '\'' || c == '`':
			c = '"'
		}
		blank = false
		b.WriteByte(c)
	}
	return strings.TrimSuffix(b.String(), " ")
}

func (t *text) has(words ...string) bool {
	for _, w := range words {
		if strings.Contains(t.low, w) {
			return true
		}
	}
	return false
}

// lead is the words after which a number of three digits is a status.
var leads = []string{
	"status_code=", "status_code\": ", "status_code\":", "status_code: ", "statuscode: ", "statuscode=", "statuscode\":", "statuscode\": ",
	"status code: ", "status code ", "error code: ", "error code ", "http code ", "http code: ", "status=", "status: ", "status\": ", "status\":",
	"http/1.1\" ", "http/1.0\" ", "http/2.0\" ", "http/2\" ", "http/1.1 ", "http/2 ", "http/2.0 ", "http/3\" ", "code\": ", "code\":", "code\":\"", "code\": \"",
	"http ", "http_status: ", "http_status=", "error ", "error: ", "api error: ", "error (", "error[", "failed: ", "code: ", "code=", "status ", "returned ", "(code: ",
	"server error \"", "client error \"", "response code ", "responded with ", "[", "状态码: ", "状态码：",
}

// statusIn finds the status that a text names, 0 where it names none. The innermost one stands last in most
// wrappers, but retries and URLs stand there too, so the first after a telling word wins.
func statusIn(low string) int {
	if n := leading(low); n != 0 {
		return n
	}
	best, at := 0, len(low)
	for _, lead := range leads {
		from := 0
		for from < at {
			i := strings.Index(low[from:at], lead)
			if i < 0 {
				break
			}
			i += from
			if n := numberAt(low, i+len(lead)); n != 0 {
				best, at = n, i
				break
			}
			from = i + len(lead)
		}
	}
	return best
}

func leading(low string) int {
	return numberAt(low, 0)
}

// numberAt reads a status at an offset: three digits from 400 to 599, or 200, that no other digit or dot touches.
func numberAt(low string, i int) int {
	if i+3 > len(low) {
		return 0
	}
	n, err := strconv.Atoi(low[i : i+3])
	if err != nil || n < 400 && n != 200 || n > 599 {
		return 0
	}
	if i+3 < len(low) {
		switch c := low[i+3]; {
		case c >= '0' && c <= '9', c == '.' && i+4 < len(low) && low[i+4] >= '0' && low[i+4] <= '9', c >= 'a' && c <= 'z', c == '_', c == '%':
			return 0
		}
	}
	return n
}

// levelWords tell a line's level; they are looked for in its first part only.
var levelWords = []struct {
	word  string
	level level
}{
	{"error", levelError},
	{"fatal", levelError},
	{"critical", levelError},
	{"panic", levelError},
	{"exception", levelError},
	{"warn", levelWarn},
	{"info", levelInfo},
	{"debug", levelInfo},
	{"trace ", levelInfo},
	{"notice", levelInfo},
}

func levelIn(low string) level {
	head := low[:min(len(low), 120)]
	best, at := levelUnknown, len(head)
	for _, w := range levelWords {
		if i := strings.Index(head, w.word); i >= 0 && i < at && (i == 0 || head[i-1] != '_') {
			best, at = w.level, i
		}
	}
	return best
}

// providers are told by their names and hosts; the first that a text names wins, gateways last.
var providers = []struct{ name, words string }{
	{"azure", "azure|openai.azure.com|cognitiveservices"},
	{"anthropic", "anthropic|claude"},
	{"bedrock", "bedrock|amazonaws|software.amazon"},
	{"vertex", "vertex|aiplatform"},
	{"gemini", "gemini|generativelanguage|googlegenerativeai|google.rpc"},
	{"openrouter", "openrouter"},
	{"groq", "groq"},
	{"mistral", "mistral"},
	{"deepseek", "deepseek"},
	{"together", "together.ai|together.xyz|togetherai"},
	{"cohere", "cohere"},
	{"xai", "x.ai|xai|grok"},
	{"huggingface", "huggingface|text_generation|text-generation-inference"},
	{"vllm", "vllm|asyncllmengine|async_llm_engine"},
	{"ollama", "ollama"},
	{"llamacpp", "llama.cpp|llama_cpp|llama-server"},
	{"openai", "openai"},
	{"cloudflare", "cloudflare|cf-ray"},
	{"litellm", "litellm"},
	{"haproxy", "haproxy"},
	{"envoy", "envoy|via_upstream"},
	{"nginx", "nginx"},
}

func providerIn(low string) string {
	for _, p := range providers {
		for rest := p.words; rest != ""; {
			word, after, _ := strings.Cut(rest, "|")
			if strings.Contains(low, word) {
				return p.name
			}
			rest = after
		}
	}
	return ""
}
