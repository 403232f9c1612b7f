package history

import "unicode/utf8"

// glob reports whether a whole text matches a pattern, in which * stands for anything and ? for one character. An empty
// pattern matches all.
func glob(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	// After a mismatch only the last * has to try again, one character further on.
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
			continue
		case p < len(pattern) && pattern[p] == '?':
			_, size := utf8.DecodeRuneInString(text[t:])
			p, t = p+1, t+size
			continue
		case p < len(pattern) && pattern[p] == text[t]:
			p, t = p+1, t+1
			continue
		case star < 0:
			return false
		}
		_, size := utf8.DecodeRuneInString(text[from:])
		from += size
		p, t = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
