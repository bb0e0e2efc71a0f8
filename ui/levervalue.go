package ui

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// leverValue turns the input into JSON: a number stays one.
func leverValue(verb, text string) (json.RawMessage, string) {
	if text == "" {
		return nil, ""
	}
	if verb == "retry.set" {
		return retryValue(text)
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 {
			return nil, "a cap below zero means nothing"
		}
		return json.RawMessage(strconv.Itoa(n)), ""
	}
	if verb == "cap.set" {
		n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
		if !strings.HasSuffix(text, "%") || err != nil || n < 1 || n > 100 {
			return nil, strconv.Quote(text) + " is neither a number nor 1% to 100%"
		}
	}
	raw, err := json.Marshal(text)
	if err != nil {
		return nil, err.Error()
	}
	return raw, ""
}

// timeField asks for how long.
func timeField(label, hint string) field {
	x := textField(label, "15m", hint)
	x.whole, x.check = true, func(text string) string {
		_, wrong := parseTTL(text)
		return wrong
	}
	return x
}

func parseTTL(text string) (time.Duration, string) {
	d, err := time.ParseDuration(text)
	if err != nil {
		if n, bad := strconv.Atoi(text); bad == nil {
			d, err = time.Duration(n)*time.Minute, nil
		}
	}
	if err != nil || d < 10*time.Second {
		return 0, strconv.Quote(text) + " is no time: write 5m, 15m or 1h, at least 10s"
	}
	return d, ""
}

// retryValue takes the attempts of retry.set as a number, or JSON with attempts, timeout or both; what is left out stays.
func retryValue(text string) (json.RawMessage, string) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return json.RawMessage(`{"max_attempts":` + strconv.Itoa(n) + `}`), ""
	}
	var v map[string]any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil, strconv.Quote(text) + ` is neither a number of attempts nor like {"max_attempts":2,"timeout":"20s"}`
	}
	return json.RawMessage(text), ""
}
