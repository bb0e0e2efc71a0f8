package decode

import "bytes"

// idLike tells whether a text looks like one that is made for a single thing: a UUID, hex digits, or random
// letters and digits behind a prefix ("req_665d9a400b69efae").
func idLike(b []byte) bool {
	if len(b) < 8 || len(b) > maxWord {
		return false
	}
	if i := bytes.LastIndexAny(b, "_-"); i > 0 && i <= 10 && len(b)-i > 10 && mixed(b[i+1:]) {
		return true
	}
	hex, digits, dashes := 0, 0, 0
	for _, c := range b {
		if _, ok := hexDigit(c); ok {
			hex++
		}
		if c >= '0' && c <= '9' {
			digits++
		}
		if c == '-' {
			dashes++
		}
	}
	switch {
	case hex == 32 && dashes == 4 && len(b) == 36:
		return true
	case hex == len(b):
		return len(b) >= 16 || digits > 0 && digits < len(b)
	}
	return len(b) >= 16 && dashes == 0 && mixed(b)
}

// mixed tells whether a text is of letters and digits, with enough digits to be no word.
func mixed(b []byte) bool {
	digits := 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
	}
	return digits >= 2 && digits < len(b) || digits >= 10 && digits == len(b)
}
