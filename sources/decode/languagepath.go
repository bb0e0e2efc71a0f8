package decode

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// linePath is a path in a mapping file: keys and indexes with dots between them. The scanner names a value by
// its keys joined with dots, so a dot in a path stands for a step as well as for a dot in a key: loggers write
// "http.response.status_code" both ways, and one path reads both. A * stands for any one key or index.
type linePath struct {
	text  string   // joined with dots
	steps []string // without quotes
	stars int
}

// maxSteps bounds a path: the scanner follows no deeper one.
const maxSteps = maxSeen

// parsePath reads a path such as usage.prompt_tokens, choices[0].finish_reason, values.*.1 or labels."k8s.io/app".
func parsePath(s string) (linePath, error) {
	var p linePath
	for i := 0; i < len(s); {
		var step string
		var quoted bool
		switch s[i] {
		case '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return p, errors.New("has a [ without its ]")
			}
			step, i = s[i+1:i+end], i+end+1
			if _, err := strconv.ParseUint(step, 10, 16); err != nil && step != "*" {
				return p, errors.New("has something else than a number or * in its [ ]")
			}
		case '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return p, errors.New("has a quote that does not end")
			}
			step, quoted, i = s[i+1:i+1+end], true, i+end+2
		default:
			end := strings.IndexAny(s[i:], `.["`)
			if end < 0 {
				end = len(s) - i
			}
			step, i = s[i:i+end], i+end
		}
		if step == "" {
			return p, errors.New("has an empty part")
		}
		if step == "*" && !quoted {
			p.stars++
		}
		p.steps = append(p.steps, step)
		if i < len(s) && s[i] == '.' {
			if i++; i == len(s) {
				return p, errors.New("ends with a dot")
			}
		}
	}
	switch {
	case len(p.steps) == 0:
		return p, errors.New("is empty")
	case len(p.steps) > maxSteps:
		return p, errors.New("has more than " + strconv.Itoa(maxSteps) + " parts")
	}
	p.text = strings.Join(p.steps, ".")
	return p, nil
}

// matches tells whether the path of a value is this one.
func (p linePath) matches(path string) bool {
	if p.stars == 0 {
		return p.text == path
	}
	return slices.EqualFunc(p.steps, strings.Split(path, "."), func(want, have string) bool { return want == "*" || want == have })
}

// above tells whether the path of a value leads through this one: what is here is an object or an array.
func (p linePath) above(path string) bool {
	if p.stars == 0 {
		return len(path) > len(p.text) && path[len(p.text)] == '.' && path[:len(p.text)] == p.text
	}
	steps := strings.Split(path, ".")
	return len(steps) > len(p.steps) && p.matches(strings.Join(steps[:len(p.steps)], "."))
}

// wild compares a text with a pattern whose * stands for anything, in linear time.
func wild(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	last := parts[len(parts)-1]
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, last)
}
