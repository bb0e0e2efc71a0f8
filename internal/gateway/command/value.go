package command

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// mostNumber bounds a number for which the configuration names no bound.
const mostNumber = 1_000_000

// plainWord is what a value may look like: it becomes part of a command's argument.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./:@-]{0,199}$`)

// parse reads what the read command has printed.
func (l *Lever) parse(s string) (gateway.Value, error) {
	if s == l.Off {
		return l.base(), nil
	}
	switch l.valued() {
	case flag:
		if s == l.On {
			return gateway.Value("true"), nil
		}
		return nil, fmt.Errorf("the command printed %q, which is neither %q (on) nor %q (off)", redact.Outside(s, 80), l.On, l.Off)
	case number:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the command printed %q, which is neither a whole number nor %q (off)", redact.Outside(s, 80), l.Off)
		}
		return gateway.Value(strconv.FormatInt(n, 10)), nil
	}
	if !plainWord.MatchString(s) {
		return nil, fmt.Errorf("the command printed %q, which is neither a plain name nor %q (off)", redact.Outside(s, 80), l.Off)
	}
	return name(s), nil
}

func name(s string) gateway.Value {
	b, _ := json.Marshal(s) //nolint:errchkjson // a plain word
	return b
}

// wanted is what a change sets the lever to. why is not empty where the value does not do.
func (l *Lever) wanted(c gateway.Change) (v gateway.Value, why, try string) {
	given, err := gateway.Canonical(c.Value)
	if err != nil {
		return nil, "its value is no JSON: " + err.Error(), ""
	}
	if c.Verb != l.Verb { // the opposite
		if string(given) != "null" {
			return nil, string(c.Verb) + " takes no value: it takes the lever back altogether", string(c.Verb) + " without a value"
		}
		return l.base(), "", ""
	}
	switch l.valued() {
	case flag:
		if s := string(given); s != "null" && s != "true" {
			return nil, "it takes no value", string(c.Verb) + " without a value"
		}
		return gateway.Value("true"), "", ""
	case number:
		return l.number(given)
	}
	var s string
	if json.Unmarshal(given, &s) != nil || !plainWord.MatchString(s) {
		return nil, "its value has to be a plain name, not " + redact.Outside(string(given), 60), ""
	}
	return given, "", ""
}

func (l *Lever) number(given gateway.Value) (v gateway.Value, why, try string) {
	least, most := l.Least, l.Most
	if most == 0 {
		most = mostNumber
	}
	n, err := strconv.ParseInt(string(given), 10, 64)
	if err != nil || n < least || n > most {
		return nil, fmt.Sprintf("its value has to be a whole number from %d to %d, not %s", least, most, redact.Outside(string(given), 40)), ""
	}
	if strconv.FormatInt(n, 10) == l.Off {
		return nil, fmt.Sprintf("%d is what the gateway shows while the lever is not out", n), string(l.Verb.Opposite())
	}
	return given, "", ""
}

// argument is how a value is written in a command.
func argument(v gateway.Value) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// fill puts instance, value and seconds into the words of a command.
func fill(argv []string, instance string, v gateway.Value, seconds int64) []string {
	r := strings.NewReplacer("{instance}", instance, "{value}", argument(v), "{ttl}", strconv.FormatInt(seconds, 10))
	out := make([]string, len(argv))
	for i, w := range argv {
		out[i] = r.Replace(w)
	}
	return out
}

// show words a value for a message.
func show(v gateway.Value) string {
	switch s := string(v); s {
	case "null", "":
		return "not set"
	case "true":
		return "out"
	case "false":
		return "not out"
	default:
		return redact.Outside(argument(v), 60)
	}
}
