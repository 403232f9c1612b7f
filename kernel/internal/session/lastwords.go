package session

import (
	"bytes"
	"fmt"
	"regexp"

	"golab/kernel/internal/cell"
)

// lastWords listens to a worker's standard error for what Go's runtime says before it ends a process.
type lastWords struct {
	line []byte // the beginning of one
	said []byte // from the line that tells why, with the stack after it
}

// maxWords is how much of a runtime's report is kept: the end of the stack that matters, not that of all goroutines.
const maxWords = 32 << 10

var fatal = regexp.MustCompile(`^(fatal error: |panic: |SIG[A-Z]+: |unexpected fault address|runtime: out of memory)`)

func (l *lastWords) hear(text []byte) {
	for len(text) > 0 {
		if len(l.said) > 0 {
			l.said = append(l.said, text[:min(len(text), max(0, maxWords-len(l.said)))]...)
			return
		}
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			l.line = append(l.line, text[:min(len(text), max(0, 1024-len(l.line)))]...)
			return
		}
		l.line = append(l.line, text[:min(end+1, 1024)]...)
		if fatal.Match(l.line) {
			l.said = bytes.Clone(l.line)
		}
		l.line, text = l.line[:0], text[end+1:]
	}
}

// forget is called when a cell has ended well: what it printed was not about its end.
func (l *lastWords) forget() { l.line, l.said = nil, nil }

var stackFrame = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t(/g\d+/[^:\n]+):(\d+)`)

// why is the reason in one line, and where in the user's cells it arose; "" if nothing was said.
func (l *lastWords) why() string {
	if len(l.said) == 0 {
		return ""
	}
	head, rest, _ := bytes.Cut(l.said, []byte("\n"))
	why := string(head)
	if m := stackFrame.FindSubmatch(rest); m != nil {
		if _, name, ok := cell.SplitFileName(string(m[2])); ok {
			why += fmt.Sprintf(" in %s (%s:%s)", userFunc(string(m[1])), name, m[3])
		}
	}
	switch {
	case bytes.Contains(head, []byte("stack overflow")):
		why += "; does it call itself without end?"
	case bytes.Contains(head, []byte("out of memory")):
		why += "; the machine has no more memory for this process"
	case bytes.Contains(head, []byte("concurrent map")):
		why += "; guard the map with a sync.Mutex, or use a sync.Map"
	}
	return why
}
