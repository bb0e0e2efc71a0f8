package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"signalbox/internal/cli"
)

// What is hostile in a text reaches neither a screen nor a file: not where a verdict quotes it.
func TestClassifyIsSafe(t *testing.T) {
	const secret = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFCQ0RFRkdISUpLTE1OT1A"
	hostile := strings.Join([]string{
		"Error code: 401 - Incorrect API key provided: " + secret,
		`[2026-01-01T00:00:00.000Z] "POST /v1 HTTP/1.1" 503 UF x` + "\u202e" + secret + "\x1b[2J" + ` - "-" 0 0`,
		`[2026-01-01T00:00:00.000Z] "POST /v1 HTTP/1.1" 503 UPE upstream_reset_after_response_started{` + secret + "\u2066}" + ` - "-" 0 0`,
		"429 rate limit \x1b]0;owned\x07 \xff\xfe Bearer " + secret,
		strings.Repeat("e", 2<<20) + " timed out",
	}, "\n") + "\n"
	for _, output := range []string{"text", "json"} {
		var out, errs bytes.Buffer
		code := cli.Main([]string{"classify", "--output", output}, cli.Streams{In: strings.NewReader(hostile), Out: &out, Err: &errs})
		if code != 0 || errs.Len() > 0 || strings.Count(out.String(), "\n") != 5 {
			t.Fatalf("%s: exit %d, %q, %d lines", output, code, errs.String(), strings.Count(out.String(), "\n"))
		}
		if strings.Contains(out.String(), secret[:20]) {
			t.Errorf("%s: the secret came through", output)
		}
		if !utf8.Valid(out.Bytes()) {
			t.Errorf("%s: not UTF-8", output)
		}
		for _, r := range out.String() {
			if r != '\n' && r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%s: %U came through", output, r)
			}
		}
		if output == "json" {
			for line := range strings.Lines(out.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
		}
	}
}

// A verdict is there before the next line is.
func TestClassifyStreams(t *testing.T) {
	in, give := io.Pipe()
	take, out := io.Pipe()
	done := make(chan int)
	go func() {
		code := cli.Main([]string{"classify", "--output", "json"}, cli.Streams{In: in, Out: out, Err: io.Discard})
		_ = out.Close()
		done <- code
	}()
	lines := bufio.NewScanner(take)
	for i, want := range []string{"timeout", "none", "auth"} {
		fmt.Fprintln(give, []string{"upstream request timeout", "config reloaded", "Error code: 401"}[i])
		if !lines.Scan() || !strings.Contains(lines.Text(), `"class":"`+want+`"`) {
			t.Fatalf("line %d: %q, want %s", i, lines.Text(), want)
		}
	}
	_ = give.Close()
	if lines.Scan() || <-done != 0 {
		t.Errorf("more than was asked for: %q", lines.Text())
	}
}
