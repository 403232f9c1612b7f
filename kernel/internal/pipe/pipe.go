// Package pipe is the protocol between the front process and its worker. All messages are here.
//
// The worker is started with two extra pipes: descriptor 3 carries [Command]s to it, descriptor 4 [Event]s from it, both
// as JSON values one after the other. Standard output and error are pipes too. So that displays keep their place among
// printed text, the worker writes a [Mark] to its standard output for each event, after having sent it; the front
// delivers the event when it reads the mark there.
package pipe

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"golab/kernel/nb"
)

// Command is sent by the front. Exactly one of its fields is set.
type Command struct {
	Run       *Run            `json:",omitempty"`
	Eval      *Eval           `json:",omitempty"`
	Interrupt *Interrupt      `json:",omitempty"`
	Query     *Query          `json:",omitempty"`
	Line      *Line           `json:",omitempty"`
	Settings  *Settings       `json:",omitempty"`
	Comm      *nb.CommMessage `json:",omitempty"` // of a client
	Go        *Go             `json:",omitempty"`
}

// Run loads a generation and runs it.
type Run struct {
	Gen    int
	Plugin string   // path of the shared object
	Drop   []string // variables to forget first
	// Pause lets the worker tell what is Loaded, and wait for Go before it runs: a debugger sets breakpoints meanwhile.
	Pause bool
}

// Interrupt stops generation Gen, which runs or is about to, unless it has ended, and what runs outside cells ([nb.Go]). There is
// no generation 0.
type Interrupt struct{ Gen int }

// Settings change what the worker's process is like for all that is sent after them.
type Settings struct {
	Dir     string            `json:",omitempty"` // its folder; empty leaves that as it is
	Env     map[string]string `json:",omitempty"` // variables to set
	Unset   []string          `json:",omitempty"` // variables to remove
	Args    []string          // os.Args from its second element on
	Flags   []string          `json:",omitempty"` // flags that the next cell is about to define, and may have defined before
	Discard []string          `json:",omitempty"` // variables of the session to forget
}

// Event is sent by the worker. Exactly one of its pointers is set, or Ready.
type Event struct {
	Seq     int // 1, 2, …: the number in its mark; 0 for an Answer, which has none
	Ready   bool
	Display *nb.Output      `json:",omitempty"`
	Result  nb.Bundle       `json:",omitempty"`
	Clear   *Clear          `json:",omitempty"`
	Panic   *Panic          `json:",omitempty"` // in a goroutine; the worker goes on
	Done    *Done           `json:",omitempty"`
	Input   *Input          `json:",omitempty"`
	Answer  *Answer         `json:",omitempty"`
	Comm    *nb.CommMessage `json:",omitempty"`
	Capture *Capture        `json:",omitempty"`
	Loaded  *Loaded         `json:",omitempty"`
}

// Clear removes the outputs shown so far.
type Clear struct{ Wait bool }

// Capture says where what follows is shown: with Begin, as an Output widget, until one whose End is that event's Seq. Its mark
// is in standard error too. With Clear it removes what the widget shows, and nothing else.
type Capture struct {
	Comm  string // of the widget
	Begin bool   `json:",omitempty"`
	End   int    `json:",omitempty"`
	Clear *Clear `json:",omitempty"`
}

// Panic is a recovered panic.
type Panic struct {
	Value     string
	Goroutine bool // not in the cell's own goroutine
	Frames    []Frame
}

// Frame is one call of a stack, innermost first.
type Frame struct {
	Func string
	File string // as compiled: "/g17/cell[3]" for code of generation 17 that was typed in cell 3
	Line int
}

// Done ends a Run or Eval.
type Done struct {
	Gen         int
	Set         []string // variables whose declaration was executed
	Panic       *Panic   `json:",omitempty"`
	Failed      string   `json:",omitempty"` // the error that the last expression returned
	Causes      []string `json:",omitempty"` // what that wraps, a line each, indented where one wraps several
	Interrupted bool     `json:",omitempty"`
	Abandoned   string   `json:",omitempty"` // what the interrupted code was waiting for; it is left waiting
	Load        string   `json:",omitempty"` // why the plugin could not be loaded
	LoadTime    time.Duration
	RunTime     time.Duration
	CPUTime     time.Duration // of all threads of the worker while the cell ran
	Refused     string        `json:",omitempty"` // why an Eval needs code of its own; nothing was run
}

const (
	markStart = "\x1b_golab:"
	markEnd   = "\x1b\\"
)

// Mark is the text that stands for event seq in the worker's output. It is shorter than PIPE_BUF, so that one write of it
// is not torn apart.
func Mark(seq int) []byte { return fmt.Appendf(nil, "%s%d%s", markStart, seq, markEnd) }

// CutMark splits b at its first mark. rest is what may be the beginning of a mark, or follows it. ok is false if b holds no
// whole mark: then text can be delivered and rest must be kept until more is read.
func CutMark(b []byte) (text []byte, seq int, rest []byte, ok bool) {
	from := 0
	for {
		i := bytes.IndexByte(b[from:], markStart[0])
		if i < 0 {
			return b, 0, nil, false
		}
		i += from
		tail := b[i:]
		if len(tail) < len(markStart) {
			if bytes.HasPrefix([]byte(markStart), tail) {
				return b[:i], 0, tail, false
			}
		} else if bytes.HasPrefix(tail, []byte(markStart)) {
			j := bytes.Index(tail, []byte(markEnd))
			if j < 0 {
				if len(tail) < len(markStart)+24 {
					return b[:i], 0, tail, false
				}
			} else if n, err := strconv.Atoi(string(tail[len(markStart):j])); err == nil {
				return b[:i], n, tail[j+len(markEnd):], true
			}
		}
		from = i + 1
	}
}
