package redact

// class is a set of bytes.
type class [256]bool

func classOf(chars string) *class {
	var c class
	for i := range len(chars) {
		c[chars[i]] = true
	}
	return &c
}

const (
	digits  = "0123456789"
	uppers  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowers  = "abcdefghijklmnopqrstuvwxyz"
	letters = uppers + lowers
)

var (
	alnum      = classOf(digits + letters)
	base64url  = classOf(digits + letters + "-_")
	maskedKey  = classOf(digits + letters + "-_*") // providers echo keys with their middle starred out
	upperAlnum = classOf(digits + uppers)
	base64std  = classOf(digits + letters + "+/=")
	token68    = classOf(digits + letters + "-._~+/=") // RFC 9110, 11.2
	lowerHex   = classOf("0123456789abcdef")
	anyHex     = classOf("0123456789abcdefABCDEF")
	vendorWord = classOf(digits + lowers + "-")
	mailLocal  = classOf(digits + letters + "._%+-")
	mailDomain = classOf(digits + letters + ".-")
)

// kinds are the first words of pseudonyms; text of this shape is never looked at again.
var kinds = map[string]bool{"key": true, "cred": true, "auth": true, "mail": true, "own": true}

func allIn(s string, c *class) bool {
	for i := range len(s) {
		if !c[s[i]] {
			return false
		}
	}
	return true
}

// shape is a secret that is known by how it begins.
type shape struct {
	prefix string
	rule   string // name in the report
	kind   string // words of the pseudonym
	body   *class // what may follow the prefix
	min    int    // bytes of body at least
	exact  bool   // exactly min bytes; a longer run is something else
	source string // where the shape is written down
}

// shapes in order: of several that fit, the first counts.
var shapes = []shape{
	{"sk-ant-", "anthropic", "key:anthropic", maskedKey, 8, false, "Anthropic console: sk-ant-api03-, sk-ant-oat01-, sk-ant-admin01-"},
	{"sk-or-", "openrouter", "key:openrouter", maskedKey, 8, false, "OpenRouter: sk-or-v1- and 64 hex"},
	{"sk-proj-", "openai", "key:openai", maskedKey, 4, false, "OpenAI project key"},
	{"sk-svcacct-", "openai", "key:openai", maskedKey, 4, false, "OpenAI service account key"},
	{"sk-admin-", "openai", "key:openai", maskedKey, 4, false, "OpenAI admin key"},
	{"sk-None-", "openai", "key:openai", maskedKey, 4, false, "OpenAI user key of 2024"},
	{"sk-", "sk", "key:sk", maskedKey, 4, false, "OpenAI legacy (T3BlbkFJ in the middle), LiteLLM virtual keys, DeepSeek; see skBody"},
	{"sess-", "openai", "key:openai", alnum, 40, false, "OpenAI browser session key"},
	{"AIza", "google", "key:google", base64url, 16, false, "Google API key: AIza and 35"},
	{"ya29.", "google", "key:google", base64url, 20, false, "Google OAuth access token"},
	{"gsk_", "groq", "key:groq", base64url, 16, false, "Groq: gsk_ and 52"},
	{"xai-", "xai", "key:xai", base64url, 40, false, "xAI: xai- and 80"},
	{"pplx-", "perplexity", "key:perplexity", alnum, 32, false, "Perplexity: pplx- and 48"},
	{"nvapi-", "nvidia", "key:nvidia", base64url, 32, false, "NVIDIA API catalogue"},
	{"csk-", "cerebras", "key:cerebras", base64url, 32, false, "Cerebras"},
	{"r8_", "replicate", "key:replicate", base64url, 32, false, "Replicate: r8_ and 37"},
	{"hf_", "huggingface", "key:huggingface", alnum, 30, false, "Hugging Face: hf_ and 34"},
	{"AKIA", "aws-key-id", "key:aws-id", upperAlnum, 16, true, "IAM identifiers: AKIA, long-lived"},
	{"ASIA", "aws-key-id", "key:aws-id", upperAlnum, 16, true, "IAM identifiers: ASIA, temporary"},
	{"ABSK", "aws-bedrock", "key:aws-bedrock", base64std, 40, false, "Bedrock long-lived API key"},
	{"bedrock-api-key-", "aws-bedrock", "key:aws-bedrock", base64std, 20, false, "Bedrock short-lived API key"},
	{"ghp_", "github", "key:github", alnum, 30, false, "GitHub personal token"},
	{"gho_", "github", "key:github", alnum, 30, false, "GitHub OAuth token"},
	{"ghs_", "github", "key:github", alnum, 30, false, "GitHub server token"},
	{"ghu_", "github", "key:github", alnum, 30, false, "GitHub user token"},
	{"github_pat_", "github", "key:github", base64url, 30, false, "GitHub fine-grained token"},
	{"xoxb-", "slack", "key:slack", base64url, 16, false, "Slack bot token"},
	{"xoxp-", "slack", "key:slack", base64url, 16, false, "Slack user token"},
	{"xapp-", "slack", "key:slack", base64url, 16, false, "Slack app token"},
	{"https://hooks.slack.com/services/", "slack", "key:slack", token68, 20, false, "Slack incoming webhook: the URL is the secret"},
}

// label is a name after which a value is a secret whatever its shape: the last word of the name, and the words that must stand
// before it ("key" alone says nothing, "api_key" does).
type label struct {
	word   string
	before []string // one of these must precede, joined by nothing or by one of "-_. "; empty: any or none
	rule   string
	kind   string
	min    int // bytes of an unquoted or quoted value at least
}

// labels in order: of several that fit, the first counts.
var labels = []label{
	{"key", []string{"secretaccess", "secret-access", "secret_access", "secret access"}, "aws-secret", "key:aws-secret", 8},
	{"token", []string{"amz-security", "aws_session", "aws_security", "awssession"}, "aws-session", "key:aws-session", 8},
	{"token", []string{"access", "refresh", "id", "auth", "api", "bearer", "session", "security", "master", "bot", "service"}, "token", "auth:token", 8},
	{"token", nil, "token", "auth:token", 16},
	{"key", []string{
		"api", "access", "secret", "subscription", "master", "private", "signing", "account", "virtual", "auth", "shared", "service",
		"function", "encryption", "admin", "openai", "anthropic", "azure", "litellm",
	}, "api-key", "key:named", 6},
	{"secret", nil, "secret", "cred:secret", 6},
	{"password", nil, "password", "cred:password", 1},
	{"passwd", nil, "password", "cred:password", 1},
	{"passphrase", nil, "password", "cred:password", 1},
	{"pwd", nil, "password", "cred:password", 4},
	{"authorization", nil, "authorization", "auth:header", 6},
	{"cookie", nil, "cookie", "auth:cookie", 6},
}

// notSecrets are words that stand where a secret could: what an error says of a key, or the absence of one.
var notSecrets = map[string]bool{
	"null": true, "nil": true, "none": true, "true": true, "false": true, "undefined": true, "missing": true, "required": true,
	"invalid": true, "expired": true, "empty": true, "unset": true, "unknown": true, "provided": true, "incorrect": true,
	"redacted": true, "[redacted]": true, "hidden": true, "string": true, "authentication": true, "failed": true, "failure": true,
	"wrong": true, "not": true, "must": true, "cannot": true, "bearer": true, "basic": true, "token": true, "rejected": true,
	"disabled": true, "revoked": true, "denied": true, "error": true, "unauthorized": true, "forbidden": true,
}

// table is an index over the rules: by first byte, which second bytes (their low five bits) can begin a candidate.
type table struct {
	second [256]uint32
	shapes [256][]int
	labels [256][]int
}

var rules = index()

func index() *table {
	t := &table{}
	add := func(a, b byte) { t.second[a] |= 1 << (b & 31) }
	for i, s := range shapes {
		add(s.prefix[0], s.prefix[1])
		t.shapes[s.prefix[0]] = append(t.shapes[s.prefix[0]], i)
	}
	words := []string{"bearer", "basic"}
	for i, l := range labels {
		words = append(words, l.word)
		for _, c := range []byte{l.word[0], l.word[0] - 'a' + 'A'} {
			t.labels[c] = append(t.labels[c], i)
		}
	}
	for _, w := range words {
		add(w[0], w[1]) // the low five bits are the same for both cases
		add(w[0]-'a'+'A', w[1])
	}
	add('e', 'y') // a JWT: eyJ
	add(':', '/') // a URL
	add('-', '-') // -----BEGIN
	for _, c := range []byte("<@?&") {
		t.second[c] = ^uint32(0)
	}
	return t
}
