package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"golab/kernel/internal/pipe"
	"golab/kernel/live"
)

// questions is what the person at the client was asked and has not answered yet.
type questions struct {
	mu   sync.Mutex
	last int
	open map[int]chan pipe.Line
}

func (q *questions) add() (id int, answer chan pipe.Line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil {
		q.open = map[int]chan pipe.Line{}
	}
	q.last++
	answer = make(chan pipe.Line, 1)
	q.open[q.last] = answer
	return q.last, answer
}

func (q *questions) answer(l pipe.Line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c := q.open[l.ID]; c != nil {
		c <- l
		delete(q.open, l.ID)
	}
}

func (q *questions) forget(id int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, id)
}

var errNoCell = errors.New("no cell runs that could ask for input")

// Input is part of nb.Host. It ends with the cell that runs, also if that is interrupted.
func (w *worker) Input(ctx context.Context, prompt string, password bool) (string, error) {
	w.mu.Lock()
	c := w.current
	w.mu.Unlock()
	if c == nil {
		return "", errNoCell
	}
	id, answer := w.questions.add()
	defer w.questions.forget(id)
	w.send(pipe.Event{Input: &pipe.Input{ID: id, Gen: c.gen.ID, Prompt: prompt, Password: password}})
	select {
	case l := <-answer:
		if l.Err != "" {
			return "", errors.New(l.Err)
		}
		return l.Text, nil
	case <-c.ctx.Done():
		live.Poll() // ends the goroutine if it was interrupted
		return "", errors.New("the cell ended before there was an answer")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// input is the variable that package os, as GoLab compiles it, reads os.Stdin with; see build/stdin.go. With another os it is
// nil, and os.Stdin is empty.
//
//go:linkname input os.golabInput
var input func(b []byte) (int, error)

func (w *worker) hookStdin() {
	if input != nil {
		input = w.read
	}
}

// typed is what was typed for os.Stdin and not read yet.
type typed struct {
	reading sync.Mutex // one reader at a time asks

	mu    sync.Mutex
	cell  int // how many cells began
	lines int // how many were asked for in this cell
	rest  string
	eof   bool
	told  bool // that there is nobody to ask
}

// forget drops what a cell left unread: the next asks anew.
func (t *typed) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cell++
	t.lines, t.rest, t.eof, t.told = 0, "", false, false
}

// take gives out what is there already.
func (t *typed) take(b []byte) (n int, err error, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest != "" {
		n = copy(b, t.rest)
		t.rest = t.rest[n:]
		return n, nil, true
	}
	if t.eof {
		t.eof = false // as at a terminal, reading on asks again
		return 0, io.EOF, true
	}
	return 0, nil, false
}

// endOfInput is what a line ends with after which there is no more: the character that Ctrl-D makes, or, as text fields of
// browsers don't take that, a line "^D".
const endOfInput = "\x04"

// read is os.Stdin's Read: it asks for a line when the last one has been read.
func (w *worker) read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	t := &w.typed
	if n, err, ok := t.take(b); ok {
		return n, err
	}
	t.reading.Lock()
	defer t.reading.Unlock()
	if n, err, ok := t.take(b); ok { // another reader left some
		return n, err
	}
	t.mu.Lock()
	cell, prompt := t.cell, ""
	if t.lines > 0 && len(b) > 1 { // it reads more than the words that it needs, perhaps all
		prompt = "(^D ends the input) "
	}
	t.mu.Unlock()
	line, err := w.Input(context.Background(), prompt, false)
	if err != nil {
		t.mu.Lock()
		told := t.told || t.cell != cell || err == errNoCell
		t.told = true
		t.mu.Unlock()
		if !told {
			fmt.Fprintf(os.Stderr, "golab: os.Stdin: %v\n", err) // what reads may not look at errors
		}
		return 0, err
	}
	t.mu.Lock()
	if t.cell == cell {
		t.lines++
		text, end := strings.CutSuffix(line, endOfInput)
		if line == "^D" {
			text, end = "", true
		}
		if t.rest, t.eof = text, end; !end {
			t.rest += "\n"
		}
	}
	t.mu.Unlock()
	n, err, _ := t.take(b)
	return n, err
}
