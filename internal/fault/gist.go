package fault

// maxGist bounds a gist in bytes: two texts that differ only behind it are of one kind.
const maxGist = 300

// AppendGist appends what two error texts of one kind have in common: words in lower case, and one # for each that has a digit
// in it, as ids, counts, times and addresses have. It reads no more of the text than it needs.
func AppendGist(dst []byte, text string) []byte {
	from := len(dst)
	for i := 0; i < len(text) && len(dst)-from < maxGist; {
		if !inWord(text[i]) {
			if c := text[i]; c > ' ' {
				dst = append(dst, c)
			} else if n := len(dst); n > from && dst[n-1] != ' ' {
				dst = append(dst, ' ')
			}
			i++
			continue
		}
		word, digits := i, false
		for i < len(text) && inWord(text[i]) && i-word < maxGist {
			digits = digits || text[i] >= '0' && text[i] <= '9'
			i++
		}
		if digits {
			dst = append(dst, '#')
			continue
		}
		for _, c := range []byte(text[word:i]) {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		}
	}
	if n := len(dst); n > from && dst[n-1] == ' ' {
		dst = dst[:n-1]
	}
	return dst
}

// inWord tells what holds a word together. Ids have dashes, versions and addresses have dots.
func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c >= 0x80
}
