package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// seeds are secrets by the rule that must find them. None was ever valid: the bodies are counted-out filler.
var seeds = []struct{ rule, secret string }{
	{"openai", "sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8_Ii9-Jj0KkLlMmNn"},
	{"openai", "sk-svcacct-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0"},
	{"openai", "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"},
	{"openai", "sk-abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"},
	{"sk", "sk-1234"},
	{"sk", "sk-Zz9Yy8Xx7Ww6Vv5Uu4Tt3S"},
	{"anthropic", "sk-ant-api03-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0-AAAA"},
	{"anthropic", "sk-ant-oat01-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0"},
	{"anthropic", "sk-ant-admin01-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0"},
	{"openrouter", "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
	{"google", "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"},
	{"groq", "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"},
	{"xai", "xai-A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8"},
	{"aws-key-id", "AKIAIOSFODNN7EXAMPLE"},
	{"aws-key-id", "ASIAIOSFODNN7EXAMPLE"},
	{"huggingface", "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"},
	{"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZWFtLWEifQ.c2lnbmF0dXJlLW9mLWEtdGVzdA"},
	{"email", "ana.operator+oncall@mail.example.com"},
}

// wraps are the places where a secret turns up; %s is the secret.
var wraps = []string{
	"%s", "key %s rejected", `{"k":"%s"}`, `{\"k\":\"%s\"}`, `{\\\"k\\\":\\\"%s\\\"}`, "'%s'", "(%s)", "[%s]", "a=%s&b=c", "a,%s,b",
	`line\n%s\nline`, `\u0022%s\u0022`, "%%22%s%%22", "provided: %s.", "<%s>", "\x1b[31m%s\x1b[0m", "é%sé", "\xff%s\xff",
}

func TestShapesAreFoundWhereverTheyStand(t *testing.T) {
	for _, seed := range seeds {
		for _, w := range wraps {
			r := New([]byte("salt"))
			text := strings.ReplaceAll(strings.ReplaceAll(w, "%s", seed.secret), "%%", "%")
			got := r.Secrets(text)
			if strings.Contains(got, seed.secret) {
				t.Errorf("%s survives in %q: %q", seed.rule, text, got)
			}
			if r.Report()[seed.rule] != 1 {
				t.Errorf("%q: report %v, want one %s", text, r.Report(), seed.rule)
			}
			if again := r.Secrets(got); again != got {
				t.Errorf("%q changes when redacted again: %q", got, again)
			}
		}
	}
}

func TestNamesGiveValuesAway(t *testing.T) {
	for _, c := range []struct{ text, secret, rule string }{
		{"Authorization: Bearer abcDEF123456", "abcDEF123456", "authorization"},
		{"authorization=opaque-token-of-a-gateway", "opaque-token-of-a-gateway", "authorization"},
		{`{"Authorization":["Bearer abcDEF123456"]}`, "abcDEF123456", "authorization"},
		{"Authorization: Basic YW5hOmh1bnRlcjI=", "YW5hOmh1bnRlcjI=", "authorization"},
		{"got bearer abcDEF123456 from caller", "abcDEF123456", "bearer"},
		{"bearer%20abcDEF123456", "abcDEF123456", "bearer"},
		{"Proxy said Basic YW5hOmh1bnRlcjI=", "YW5hOmh1bnRlcjI=", "basic"},
		{"x-api-key: abc123def456", "abc123def456", "api-key"},
		{"X-Goog-Api-Key=abc123def456", "abc123def456", "api-key"},
		{"Ocp-Apim-Subscription-Key: abc123def456", "abc123def456", "api-key"},
		{"api-key: 0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", "azure"},
		{`"api_key": "` + strings.Repeat("a1B", 28) + `"`, strings.Repeat("a1B", 28), "azure"},
		{`(b'api-key', b'abc123def456')`, "abc123def456", "api-key"},
		{`headers: {'api-key': 'abc123def456'}`, "abc123def456", "api-key"},
		{`{\"api_key\":\"ab\\\"c123def456\"}`, "c123def456", "api-key"},
		{"run --api-key abc123def456 --model x", "abc123def456", "api-key"},
		{"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws-secret"},
		{`"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"`, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws-secret"},
		{"AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE//////////wEa", "IQoJb3JpZ2luX2VjEXAMPLE", "aws-session"},
		{"X-Amz-Security-Token: IQoJb3JpZ2luX2VjEXAMPLE", "IQoJb3JpZ2luX2VjEXAMPLE", "aws-session"},
		{"password=hunter2 user=ana", "hunter2", "password"},
		{`"password": "two words, comma"`, "two words", "password"},
		{"DB_PASSWORD=hunter2", "hunter2", "password"},
		{"client_secret=abc123def", "abc123def", "secret"},
		{`refresh_token: "abc123def"`, "abc123def", "token"},
		{"Cookie: sid=abc123; other=def456", "def456", "cookie"},
		{"postgres://app:hunter2@db:5432/x", "hunter2", "url-password"},
		{"postgres://app:hun/ter2@db:5432/x", "ter2", "url-password"},
		{"redis://:p@ss@cache:6379", "p@ss", "url-password"},
		{"https://0123456789abcdef0123@git.example.com/x", "0123456789abcdef0123", "url-password"},
		{"GET /v1/models?key=abc123def456abc123def456", "abc123def456abc123def456", "url-parameter"},
		{"a -----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY----- b", "MIIE", "private-key"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE cut off", "MIIE", "private-key"},
		{`sk\u002dproj\u002dAa1Bb2Cc3Dd4`, "Aa1Bb2Cc3Dd4", "openai"},
		{"ana%40example.com", "ana%40", "email"},
	} {
		r := New(nil)
		got := r.Secrets(c.text)
		if strings.Contains(got, c.secret) {
			t.Errorf("%q: secret survives: %q", c.text, got)
		}
		if r.Report()[c.rule] == 0 {
			t.Errorf("%q: report %v lacks %s; became %q", c.text, r.Report(), c.rule, got)
		}
	}
}

func TestHarmlessTextStays(t *testing.T) {
	for _, s := range []string{
		"", "gpt-4o", "claude-3-5-sonnet-20241022", "gpt-4o@eu-west", "llama-3.3-70b", "risk-based-approach", "task-1234567890abcdef",
		"req_011CSHoEeqs5C35K2UUqR7Fy", "x-request-id: 5f0c4b1e-2a7d-4b6e-9f3a-1c2d3e4f5a6b", `ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"`,
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", `"prompt_tokens": 12345, "total_tokens": 23456`,
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",
		"invalid x-api-key", "Missing bearer authentication in header", "Basic authentication required", "api_key: null", "api_key=env:OPENAI_API_KEY",
		"password: $DB_PASSWORD", "PWD=/home/ana", "api_key: ${KEY}", "https://api.example.com:8443/v1/chat?model=x", "ssh://git@github.com/x/y",
		"run_id=inc-01jabcdefghjkmnpqrstvwxyz0", `{"token":" hello"}`, "max_token=4096", "lang=sk-SK", "idempotency_key=01JABCDEF", "monkey: banana123",
		"at 03:14 P99 went from 2 s to 15 s", "the key is to stay calm", "author: someone", "tokens: 100", `"api_key":"********"`, "user@host", "API key: [OpenRouter Error]", "é ü 日本",
	} {
		if got := New(nil).Secrets(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestPseudonymFollowsTheSecretAndTheSalt(t *testing.T) {
	const a, b = "sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6", "sk-proj-Zz9Yy8Xx7Ww6Vv5Uu4"
	r := New([]byte("one"))
	bare, named := r.Secrets(a), r.Secrets("Authorization: Bearer "+a)
	if !strings.HasSuffix(named, " "+bare) {
		t.Errorf("one key has two names: %q and %q", bare, named)
	}
	if r.Secrets(b) == bare {
		t.Error("two keys share a name")
	}
	if New([]byte("two")).Secrets(a) == bare {
		t.Error("the salt does not matter")
	}
	if escaped := r.Secrets(strings.ReplaceAll(a, "-", `\u002d`)); escaped != bare {
		t.Errorf("an escaped key has another name: %q, not %q", escaped, bare)
	}
}

func TestKnownSecrets(t *testing.T) {
	const secret = `p"a-ss+wör/d!`
	js, _ := json.Marshal(secret)
	forms := []string{
		secret, string(js), url.QueryEscape(secret), url.PathEscape(secret), `p\"a-"s"s+wör/d!`, `p\\\"a\u002dss+wör/d!`,
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("ana:" + secret)), base64.StdEncoding.EncodeToString([]byte("user:" + secret + "\n")),
		base64.URLEncoding.EncodeToString([]byte("operator:" + secret)),
	}
	r := New([]byte("s"), secret+"\n", "abc")
	name := r.Secrets(secret)
	if strings.Contains(name, "wör") {
		t.Fatalf("survives plainly: %q", name)
	}
	for _, f := range forms {
		got := r.Secrets("x " + f + " y")
		if !strings.Contains(got, name) {
			t.Errorf("%q became %q, without %s", f, got, name)
		}
		if raw, err := base64.StdEncoding.DecodeString(f); err == nil && len(got) > 0 && len(f)-8 > len(got) {
			t.Errorf("base64 %q (%q) left too little", f, raw)
		}
	}
	if got := r.Secrets("abc abc"); got != "abc abc" {
		t.Errorf("a secret of three bytes shreds the text: %q", got)
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a":"b", "n": 1.50}`, `{"a":"b", "n": 1.50}`},
		{`{"password":"x","n":[1,{"api_key":"abc123def"}]}`, `{"password":"<cred:password:S>","n":[1,{"api_key":"<key:named:S>"}]}`},
		{`{"password":12345678,"max_tokens":12345678}`, `{"password":"<cred:password:S>","max_tokens":12345678}`},
		{`{"authorization":["Bearer abc123def456"]}`, `{"authorization":["Bearer <auth:header:S>"]}`},
		{`{"e":"key sk\u002dproj-Aa1Bb2Cc3Dd4"}`, `{"e":"key <key:openai:S>"}`},
		{`{"spend":{"sk-proj-Aa1Bb2Cc3Dd4":1}}`, `{"spend":{"<key:openai:S>":1}}`},
		{`"a\u001b[31m"`, `"a\u001b[31m"`},
		{"{\n\"a\":\t\"\u202e\u0085\U000e0041\"}", `{ "a": "\u202e\u0085\udb40\udc41"}`},
		{"[\"\xff\"]", `["\ufffd"]`},
		{`{"body":"{\"api_key\":\"abc123def\"}"}`, `{"body":"{\"api_key\":\"<key:named:S>\"}"}`},
		{`not json, password=hunter22`, `"not json, password=<cred:password:S>"`},
		{``, ``},
		{`null`, `null`},
		{`[]`, `[]`},
		{` {} `, ` {} `},
		{`{"password":{"password":"abc"}}`, `{"password":{"password":"<cred:password:S>"}}`},
	} {
		got := string(New(nil).JSON(json.RawMessage(c.in)))
		if masked := sums.ReplaceAllString(got, ":S>"); masked != c.want {
			t.Errorf("JSON(%s)\n got %s\nwant %s", c.in, masked, c.want)
		}
	}
}

// TestHostileTextTakesLinearTime would take minutes where a rule looked at the rest of the text again and again.
func TestHostileTextTakesLinearTime(t *testing.T) {
	r := New(nil, "known-secret", `pp"pp"pp`)
	for _, unit := range []string{
		"sk-", "sk-a", "-eyJ", "eyJ.", "@a", "a@", "a@b.", "://", "://a:", "-----BEGIN ", "pwd=/", "api_key=${", "api_key=file:/", "token='a ", `token=\"a `,
		"password=", "password:", "cookie:;", "bearer ", "basic=", "basic+", "Basic ", "?key=", "&sig=a", "<key", "<key:", "%25", `\u002d`, `\`, `"`, `p"`,
		"AKIA", "-AIza", "xai-", "[31m", "authorization:b'", "authorization: bearer ",
	} {
		text := strings.Repeat(unit, 60_000/len(unit))
		if got := r.Secrets(text); r.Secrets(got) != got {
			t.Errorf("%q: not stable", unit)
		}
	}
}

func TestNilAndProcessRedactor(t *testing.T) {
	const secret = "sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6"
	var r *Redactor
	if a, b := r.Secrets(secret), Secrets(secret); a != b || a == secret {
		t.Errorf("nil gives %q, the process %q", a, b)
	}
	if r.Report()["openai"] == 0 {
		t.Error("the process keeps no report")
	}
}

// What the console comes to hold later is found like the rest, also while others redact.
func TestLearn(t *testing.T) {
	r := New([]byte("salt"), "first-secret")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				_ = r.Secrets("first-secret later-secret")
			}
		})
	}
	r.Learn(" later-secret\n")
	r.Learn("abc") // too short to look for
	wg.Wait()
	in := "first-secret, later-secret, " + base64.StdEncoding.EncodeToString([]byte("x:later-secret")) + ", abc"
	got := r.Secrets(in)
	if strings.Contains(got, "-secret") || strings.Contains(got, "bGF0ZXItc2") || !strings.HasSuffix(got, ", abc") {
		t.Errorf("%q", got)
	}
}
