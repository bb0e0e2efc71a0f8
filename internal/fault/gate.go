package fault

import "strings"

// gate tells whether a text tells of no failure at all: progress, a retry that was answered, a server that
// came up. It comes before the rules, because such lines quote the words of failures.
func (t *text) gate(set *ruleSet) (finding, bool) {
	none := func(rule, evidence string) (finding, bool) {
		return finding{class: None, rule: rule, evidence: evidence, confidence: likely}, true
	}
	switch {
	case len(t.low) == 0 && t.status < 400:
		return none("nothing was said", "")
	case t.level == levelDebug && t.status < 400 && !t.failing:
		return none("a line for debugging", "debug")
	case t.level == levelDebug && t.seen.has(set.asks.dump):
		return none("a dump of the gateway's state", "cooldown models")
	case t.answer >= 0 && !t.trouble && t.level != levelError:
		return none("answered in the end", "200 ok")
	case t.has(set.asks.up):
		return none("a server came up", "up")
	case !t.failing && t.has(set.asks.calm):
		return none("a warning of work that goes on", "")
	}
	return finding{}, false
}

// wholeAnswer tells whether a text is the body of an answer that came to its end: what it says of errors is what was asked for.
func wholeAnswer(raw string) bool {
	if !strings.HasPrefix(raw, `{"id":`) && !strings.HasPrefix(raw, `{"choices":`) || strings.Contains(raw, `"error":`) {
		return false
	}
	_, reason, ok := strings.Cut(raw, `"finish_reason":`)
	return ok && strings.HasPrefix(strings.TrimLeft(reason, " "), `"stop"`)
}

// has tells whether a text holds one of some words.
func (t *text) has(ids []uint16) bool {
	for _, id := range ids {
		if t.seen.has(id) {
			return true
		}
	}
	return false
}

// teller is a list of words that tell of something else than a class.
type teller struct {
	words    []string
	kinds    uint8
	level    level
	provider uint8
	status   int // that a reason goes with, 0 any
}

// The words that the stages before and after the rules ask for by name.
var (
	waitWords = []string{"retry after", "retrydelay", "retry delay", "try again in", "retry in", "please wait", "reset in", "resets in"}
	upWords   = []string{"is up, reason", "is up.|", "is up/ready", "health check passed", "marked healthy", "is now healthy", "is back online", "succeeded after", "succeeded on attempt", "succeeded on retry", "recovered after", "open -> closed", "breaker closed", "breaker is closed"}
	// calmWords are what programs warn of that costs no answer: nginx writes what is large to a file, and the categories of
	// Python's and node's warnings.
	calmWords = []string{"buffered to a temporary file", "deprecation warning", "future warning", "resource warning", "runtime warning", "syntax warning", "experimental warning", "insecure request warning"}
	// pleaWords are how a message speaks to who reads it: what names a subject beside them complains of it.
	pleaWords = []string{
		"please", "try again", "|sorry", "cannot", "can t|", "couldn t", "could not", "|must|", "|not|", "isn t|", "doesn t|", "|require", "no longer", "|already|", "too many", "too much", "|only|", "contact support", "upgrade", "check your", "unable", "should be", "reached|", "exhausted", "depleted", "expired", "revoked", "|lacks|", "|lost|", "out of", "unsupported", "|wrong|", "missing", "unknown", "malformed",
		"exceed", "duplicate", "too long", "too large", "|refused", "|blocked|", "suspended", "no such", "请", "不", "无", "失败", "已",
	}
)

const (
	httpWord    = "|http/"
	flagsWord   = "response flags"
	haproxyWord = "haproxy"
	termWord    = "|term:"
	stateWord   = "termination state"
	dumpWord    = "cooldown models"
)

var methodWords = []string{
	"|get /", "|post /", "|put /", "|delete /", "|head /", "|options /", "|patch /", "|get http", "|post http", "|connect /", "|delete http", "|put http",
}

// standsAlone asks of the number before a word that a blank stands before it: what follows a colon is a port.
const standsAlone = -1

// asks are the numbers of the words that stages ask for.
type asks struct {
	http, flags, dump uint16
	wait, up, haproxy []uint16
	calm              []uint16
	plea              []uint16
}

// tellers are read in the same pass as the rules' words.
var tellers = append([]teller{
	{words: []string{
		"status", "status code", "status code is", "status code of", "status is", "status of", "code", "http", "|http/1.1", "|http/1.0", "|http/2.0", "|http/2", "|http/3", "|http/3.0", "error", "failed", "returned", "responded with", "responded", "response", "exception", "param", "indicate success",
		"[", "(", "):", "状态码", "错误", "错误码", "http错误",
	}, kinds: markLead},
	{words: []string{"client error", "server error", "status code", "overloaded", "insufficient balance"}, kinds: markReason},
	{words: []string{"|post|", "|get|", "|put|"}, kinds: markReason, status: standsAlone},
	{words: []string{"ok|"}, kinds: markReason, status: 200},
	{words: []string{"bad request"}, kinds: markReason, status: 400},
	{words: []string{"unauthorized"}, kinds: markReason, status: 401},
	{words: []string{"payment required"}, kinds: markReason, status: 402},
	{words: []string{"forbidden"}, kinds: markReason, status: 403},
	{words: []string{"not found"}, kinds: markReason, status: 404},
	{words: []string{"method not allowed"}, kinds: markReason, status: 405},
	{words: []string{"request timeout"}, kinds: markReason, status: 408},
	{words: []string{"request entity too large", "payload too large", "content too large"}, kinds: markReason, status: 413},
	{words: []string{"unprocessable"}, kinds: markReason, status: 422},
	{words: []string{"too many requests"}, kinds: markReason, status: 429},
	{words: []string{"internal server error"}, kinds: markReason, status: 500},
	{words: []string{"bad gateway"}, kinds: markReason, status: 502},
	{words: []string{"service unavailable", "service temporarily unavailable"}, kinds: markReason, status: 503},
	{words: []string{"gateway timeout", "gateway time out"}, kinds: markReason, status: 504},
	{words: []string{"|error|", "|errors|", "error:", "error]", "|fatal", "|critical", "|panic", "exception", "|e srv|", "错误", "失败", "异常", "|severe|"}, kinds: markLevel, level: levelError},
	{words: []string{"|warn", "|w srv|"}, kinds: markLevel, level: levelWarn},
	{words: []string{"|info|", "|notice|", "|i srv|", "|i slot|"}, kinds: markLevel, level: levelInfo},
	{words: []string{"|debug|", "|trace|"}, kinds: markLevel, level: levelDebug},
	{words: methodWords, kinds: markMethod},
	{words: []string{"200 ok"}, kinds: markAnswer},
	{words: []string{
		"error", "fail", "exception", "traceback", "timeout", "timed out", "abort", "panic", "cannot", "closed", "terminated", "invalid", "unable", "denied", "exceeded", "reset by",
		"finish reason", "filter", "disconnect", "rejected",
	}, kinds: markTrouble},
	{words: []string{"|error|", "|errors|", "error:", "error]", "|fail", "exception", "abort", "refused", "cancel", "client disconnect", "client prematurely closed", "client closing the connection", "client has disconnect", "错误", "失败"}, kinds: markFailing},
	{words: waitWords},
	{words: upWords},
	{words: calmWords},
	{words: pleaWords},
	{words: []string{httpWord, flagsWord, haproxyWord, termWord, stateWord, dumpWord}},
}, providerTellers()...)

func (s *ruleSet) ask() {
	one := func(word string) uint16 { return s.words.ids[word] }
	s.asks = asks{
		http: one(httpWord), flags: one(flagsWord), dump: one(dumpWord),
		haproxy: s.number([]string{haproxyWord, termWord, stateWord}), wait: s.number(waitWords), up: s.number(upWords), calm: s.number(calmWords), plea: s.number(pleaWords),
	}
}

// providers are told by their names and hosts; the first of this list that a text names wins, gateways last.
var providers = []struct {
	name  string
	words []string
}{
	{"azure", []string{"azure", "cognitiveservices"}},
	{"anthropic", []string{"anthropic", "claude"}},
	{"bedrock", []string{"bedrock", "amazonaws", "software.amazon"}},
	{"vertex", []string{"vertex", "aiplatform"}},
	{"gemini", []string{"gemini", "generativelanguage", "google generative ai", "google.rpc", "google.genai"}},
	{"openrouter", []string{"openrouter", "open router"}},
	{"groq", []string{"groq"}},
	{"mistral", []string{"mistral"}},
	{"deepseek", []string{"deepseek", "deep seek"}},
	{"together", []string{"together.ai", "together.xyz", "togetherai", "together ai"}},
	{"cohere", []string{"cohere"}},
	{"xai", []string{"|x.ai|", "|xai|", "|grok"}},
	{"huggingface", []string{"huggingface", "hugging face", "text generation inference"}},
	{"vllm", []string{"vllm", "v llm", "async llm engine"}},
	{"ollama", []string{"ollama"}},
	{"llamacpp", []string{"llama.cpp", "llama cpp", "llama server"}},
	{"openai", []string{"openai", "open ai"}},
	{"cloudflare", []string{"cloudflare", "cf ray"}},
	{"litellm", []string{"litellm", "lite llm"}},
	{"haproxy", []string{"haproxy"}},
	{"envoy", []string{"|envoy", "via upstream"}},
	{"nginx", []string{"nginx"}},
}

func providerTellers() []teller {
	out := make([]teller, len(providers))
	for i, p := range providers {
		out[i] = teller{words: p.words, kinds: markProvider, provider: uint8(i + 1)} //nolint:gosec // a few dozen
	}
	return out
}
