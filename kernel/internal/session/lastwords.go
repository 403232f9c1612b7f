package session

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	"golab/kernel/internal/cell"
)

// lastWords listens to a worker's standard error for what Go's runtime says before it ends a process, and holds that back:
// a wall of stacks of which [lastWords.why] is what a person wants to know.
type lastWords struct {
	line []byte    // the beginning of one
	said []byte    // from the line that tells why, with the stack after it
	held []byte    // all that was said since, which is shown if the process lives on
	last time.Time // when it grew
}

const (
	// maxWords is how much of a runtime's report is looked at: the end of the stack that matters, not that of all goroutines.
	maxWords = 32 << 10
	// maxReport is how much may be held back.
	maxReport = 16 << 20
)

// maxSilence is how long a process that says nothing more may take to die: Go walks a large stack for seconds.
var maxSilence = 10 * time.Second

var (
	fatal = regexp.MustCompile(`^(fatal error: |panic: |SIG[A-Z]+: |unexpected fault address|runtime: goroutine stack exceeds|runtime: out of memory)`)
	// reason is the line that tells most.
	reason = regexp.MustCompile(`(?m)^(fatal error: |panic: |SIG[A-Z]+: |unexpected fault address).*$`)
)

// hear returns what of text is no last words.
func (l *lastWords) hear(text []byte) []byte {
	if l.holding() {
		l.hold(text)
		return nil
	}
	for at := 0; at < len(text); {
		end := at + bytes.IndexByte(text[at:], '\n') + 1
		whole := end > at
		if !whole {
			end = len(text)
		}
		begun := len(l.line)
		l.line = append(l.line, text[at:min(end, at+1024)]...)
		switch {
		case !whole:
		case fatal.Match(l.line):
			l.said = append(l.said, l.line[:begun]...) // came before and is shown
			l.line = nil
			l.hold(text[at:])
			return text[:at]
		default:
			l.line = l.line[:0]
		}
		at = end
	}
	return text
}

func (l *lastWords) hold(text []byte) {
	l.said = append(l.said, text[:min(len(text), max(0, maxWords-len(l.said)))]...)
	l.held = append(l.held, text...)
	l.last = time.Now()
}

func (l *lastWords) holding() bool { return l.held != nil }

// release returns what was held back and forgets it: the process goes on.
func (l *lastWords) release() []byte {
	held := l.held
	l.line, l.said, l.held = nil, nil, nil
	return held
}

// overdue reports whether the process has gone on for too long to be dying.
func (l *lastWords) overdue() bool {
	return l.holding() && (len(l.held) > maxReport || time.Since(l.last) > maxSilence)
}

var stackFrame = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t(/g\d+/[^:\n]+):(\d+)`)

// why is the reason in one line, and where in the user's cells it arose; "" if nothing was said.
func (l *lastWords) why() string {
	if len(l.said) == 0 {
		return ""
	}
	head, rest, _ := bytes.Cut(l.said, []byte("\n"))
	if at := reason.FindIndex(l.said); at != nil {
		head, rest = l.said[at[0]:at[1]], l.said[at[1]:]
	}
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
