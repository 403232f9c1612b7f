package output

import (
	"strings"
	"unicode/utf8"
)

// Overwrite leaves out what carriage returns within text take back: of a line that was written many times, as progress bars
// are, the last state remains, behind one carriage return if the text goes on with a line that may have begun before it.
func Overwrite(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	var b strings.Builder
	first := true
	for line := range strings.Lines(text) {
		end := ""
		if strings.HasSuffix(line, "\n") {
			end = "\n"
			line = line[:len(line)-1]
			if strings.HasSuffix(line, "\r") {
				end = "\r\n"
				line = line[:len(line)-1]
			}
		}
		b.WriteString(overwriteLine(line, first))
		b.WriteString(end)
		first = false
	}
	return b.String()
}

// overwriteLine is one line. open says that it may have begun earlier.
func overwriteLine(line string, open bool) string {
	parts := strings.Split(line, "\r")
	if len(parts) == 1 {
		return line
	}
	// A carriage return at the very end takes nothing back yet.
	tail := ""
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts, tail = parts[:len(parts)-1], "\r"
	}
	begin := ""
	if open {
		if len(parts) == 1 {
			return parts[0] + tail
		}
		begin, parts = "\r", parts[1:]
	}
	// Most often the last state is the longest, and what was before need not be looked at.
	last := len(parts) - 1
	seen := width(parts[last])
	first := last
	for i := range last {
		if len(parts[i]) > seen && width(parts[i]) > seen {
			first = i
			break
		}
	}
	state := parts[first]
	for _, p := range parts[first+1:] {
		state = over(state, p)
	}
	return begin + state + tail
}

// over is what is seen when next was written over line.
func over(line, next string) string {
	if strings.IndexByte(line, '\x1b') >= 0 || strings.IndexByte(next, '\x1b') >= 0 {
		if width(next) >= width(line) || strings.Contains(next, "\x1b[K") || strings.Contains(next, "\x1b[2K") || strings.Contains(next, "\x1b[0K") {
			return next
		}
		// The client knows better what remains. Of many states, the widest and the last tell.
		if base, mid, ok := strings.Cut(line, "\r"); ok {
			if line = base; width(mid) > width(base) {
				line = mid
			}
		}
		return line + "\r" + next
	}
	n := utf8.RuneCountInString(next)
	for i := range line {
		if n == 0 {
			return next + line[i:]
		}
		n--
	}
	return next
}

// width is how many characters of s are no part of an escape sequence.
func width(s string) int {
	n, in := 0, false
	for _, r := range s {
		switch {
		case in:
			in = r < '@' || r > '~' || r == '['
		case r == '\x1b':
			in = true
		default:
			n++
		}
	}
	return n
}
