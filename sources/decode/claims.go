package decode

import (
	"slices"
	"strings"
	"time"
)

// spanWords are the endings of a key that say in what it counts.
var spanWords = map[string]string{
	"ms": "_ms", "millis": "_ms", "msec": "_ms", "milliseconds": "_ms", "s": "_s", "sec": "_s", "secs": "_s", "seconds": "_s",
	"us": "_us", "micros": "_us", "usec": "_us", "microseconds": "_us", "ns": "_ns", "nanos": "_ns", "nanoseconds": "_ns",
}

func claimSpan(s *seen) claim {
	c := claim{s: s, field: "latency"}
	unit := ""
	if len(s.words) > 0 {
		unit = spanWords[s.words[len(s.words)-1]]
	}
	first := s.within("ttft") || s.contains("firsttoken firstchunk firstbyte")
	switch {
	case s.has("token tokens tok retry backoff limit interval uptime ttl age window budget delay started connect dns tls queue queued wait max") && !first:
		return c
	case first:
		c.field, c.strength = "ttft", 75
	case s.contains("latency"):
		c.strength = 75
	case s.has("took elapsed duration dur rt") || s.contains("duration elapsed took responsetime totaltime"):
		c.strength = 70
	case unit != "":
		c.strength = 40
	default:
		return c
	}
	if s.has("total request response e2e") {
		c.strength += 3
	}
	why, ok := "", false
	if unit, why, ok = spanUnit(s, unit); !ok {
		c.strength = 0
	}
	c.field, c.why = c.field+unit, why
	return c
}

// spanUnit gives a time span its unit: by the name, or by the size, which is a guess and says so.
func spanUnit(s *seen, named string) (unit, why string, ok bool) {
	switch {
	case s.isText() && s.share(func(v value) bool { took, err := time.ParseDuration(string(v.bytes)); return err == nil && took >= 0 }) >= 0.9 && len(s.nums) == 0:
		return "_ms", "texts with a unit of their own", true
	case !s.isNumber() || slices.Min(s.nums) < -1:
		return "", "", false
	case named != "":
		return named, "numbers " + s.bounds() + ", the unit by the name", true
	}
	unit = guessUnit(s)
	return unit, "numbers " + s.bounds() + ", unit guessed by size: " + unitNames[unit] + "?", true
}

var unitNames = map[string]string{"_s": "seconds", "_ms": "milliseconds", "_us": "microseconds", "_ns": "nanoseconds"}

// guessUnit tells the unit of a span by its median: answers of models take from tenths of a second to
// minutes, and whoever counts milliseconds in a log writes whole ones.
func guessUnit(s *seen) string {
	few := 100.0
	if s.whole == len(s.nums) {
		few = 50
	}
	switch m := s.median(); {
	case m < few:
		return "_s"
	case m < 2e5:
		return "_ms"
	case m < 2e8:
		return "_us"
	}
	return "_ns"
}

func claimText(s *seen) claim {
	c := claim{s: s, field: "error_message", why: "texts in " + plural(len(s.vals), "line")}
	if !s.isText() || s.has("code type class count id retry status kind level") {
		return c
	}
	spaced := s.share(func(v value) bool { return strings.Contains(string(v.bytes), " ") }) > 0.3
	switch {
	case s.has("error err exception errmsg errormessage failure"):
		c.strength = 65
	case s.within("error err exception failure") && s.has("message msg text detail description reason"):
		c.strength = 75
	case spaced && s.has("detail details cause reason"):
		c.strength = 45
	case spaced && s.has("msg message text txt descr description"): // of every line: an error text where the line fails
		c.field, c.strength = "message", 45
	}
	return c
}

func claimPlace(s *seen) claim {
	c := claim{s: s, field: "deployment", why: s.names()}
	if !s.isText() || !s.few() {
		return c
	}
	paths := s.share(func(v value) bool { return v.bytes[0] == '/' }) >= 0.9
	urls := s.share(func(v value) bool { return strings.Contains(string(v.bytes), "://") }) >= 0.6
	switch {
	case paths && s.has("endpoint path url uri route target resource"):
		c.field, c.strength = "endpoint", 60
	case paths:
		c.field, c.strength = "endpoint", 35
	case urls && s.has("upstream backend target base url deployment"):
		c.field, c.strength = "base_url", 55
	case urls:
	case s.has("upstream backend target") && s.has("addr address host hostport"):
		c.field, c.strength = "host", 55
	case s.contains("deploy"):
		c.strength = 70
	case s.has("upstream backend target"):
		c.strength = 55
	case s.has("pool"):
		c.strength = 40
	}
	return c
}

var levelWords = strings.Fields("trace debug info information notice warn warning error err fatal critical panic d i w e f")

func claimLevel(s *seen) claim {
	c := claim{s: s, field: "level", why: s.names()}
	if s.isText() && s.share(func(v value) bool { return slices.Contains(levelWords, strings.ToLower(string(v.bytes))) }) == 1 {
		c.strength = 45
	}
	return c
}

var providerNames = strings.Fields("openai anthropic azure azureopenai bedrock aws vertex vertexai google gemini mistral cohere groq together fireworks deepseek xai perplexity ollama vllm")

// partNames find a field by a part of a path's last key, where its name is all that there is. The first
// that fits wins.
var partNames = []struct {
	parts, field string
	number       bool
}{
	{"provider vendor", "provider", false},
	{"cachedtok", "tokens_cached", true},
	{"prompttok inputtok tokin toksin tokensin intok", "tokens_in", true},
	{"completiontok outputtok tokout toksout tokensout outtok", "tokens_out", true},
	{"finishreason stopreason finish", "finish_reason", false},
	{"errcode errorcode", "error_code", false},
	{"errtype errortype errorclass exceptiontype", "error_type", false},
	{"tenant team", "caller", false},
}

func claimName(s *seen) claim {
	c := claim{s: s}
	if s.isText() && s.few() && s.share(func(v value) bool { return slices.Contains(providerNames, strings.ToLower(string(v.bytes))) }) == 1 {
		return claim{s: s, field: "provider", strength: 58, why: s.names()}
	}
	for _, p := range partNames {
		if !s.contains(p.parts) || p.number != s.isNumber() || !p.number && !s.few() {
			continue
		}
		c.field, c.strength, c.why = p.field, 40, "by its name, "+s.names()
		if p.number {
			c.why = "by its name, numbers " + s.bounds()
		}
		return c
	}
	return c
}
