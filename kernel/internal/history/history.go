// Package history keeps the cells that were run, in this session and in earlier ones. All kernels of a user share one small
// database; each opens it only for the moment of an access, under the lock that goes with the file, so any number of them
// may run at once. What a session adds is written behind its back: a cell's reply never waits for a disk or for a lock.
//
// History is a convenience. Whatever is wrong with the file, the kernel works: a broken one is set aside, one that can't be
// written is done without, each with a line in the log.
package history

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"golab/kernel/internal/engine"
)

const (
	// maxText is how much of one input or output is kept.
	maxText = 256 << 10
	// maxPending is how many cells wait to be written while that fails. (They stay in this session's memory.)
	maxPending = 10_000
	// closeTime is how long Close waits for the last cells to be written.
	closeTime = 3 * time.Second
)

// History is the history of one session. It implements engine.History. It is safe for concurrent use.
type History struct {
	log      *slog.Logger
	numbered chan struct{} // closed when session and store are final
	session  int
	store    *store        // nil: this session only
	wake     chan struct{} // has a token when there is something to write; closed by Close
	written  chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	closed  bool
	mine    []engine.HistoryEntry // this session's, by line
	pending []engine.HistoryEntry // not yet in the store
}

// InMemory is a history of this session alone.
func InMemory() *History {
	h := &History{numbered: make(chan struct{}), session: 1}
	close(h.numbered)
	return h
}

// Open begins a session in the database at path, which is made if it is not there. It returns at once.
func Open(path string, log *slog.Logger) *History {
	h := &History{log: log, numbered: make(chan struct{}), wake: make(chan struct{}, 1), written: make(chan struct{})}
	go h.write(&store{path: path, log: log})
	return h
}

// write begins the session and writes what is added until Close.
func (h *History) write(s *store) {
	defer close(h.written)
	session, err := s.begin()
	if err != nil {
		h.log.Warn("the history of cells is not kept beyond this session", "reason", err)
		h.session = 1
		close(h.numbered)
		return
	}
	h.session, h.store = session, s
	close(h.numbered)
	failed := false
	for open := true; open; {
		_, open = <-h.wake
		h.mu.Lock()
		cells := h.pending
		h.pending = nil
		h.mu.Unlock()
		if len(cells) == 0 {
			continue
		}
		if err := s.add(session, cells); err != nil {
			if !failed {
				h.log.Warn("the history of cells could not be written; that is tried again with the next cell", "reason", err)
			}
			failed = true
			h.mu.Lock()
			h.pending = append(cells, h.pending...)
			h.pending = h.pending[max(0, len(h.pending)-maxPending):]
			h.mu.Unlock()
			continue
		}
		failed = false
	}
}

// Add keeps a cell of this session, with the text of its value or "". It never blocks.
func (h *History) Add(line int, input, output string) {
	e := engine.HistoryEntry{Line: line, Input: cut(input), Output: cut(output)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mine = append(h.mine, e)
	if h.wake == nil || h.closed {
		return
	}
	select {
	case <-h.numbered:
		if h.store == nil {
			return
		}
	default:
	}
	h.pending = append(h.pending, e)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Close writes what is left to write, for a few seconds at most.
func (h *History) Close() {
	if h.wake == nil {
		return
	}
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.wake)
	}
	h.mu.Unlock()
	select {
	case <-h.written:
	case <-time.After(closeTime):
	}
}

// Session is part of engine.History.
func (h *History) Session() int {
	<-h.numbered
	return h.session
}

// Tail is part of engine.History. The cells of this session are the latest, also where another kernel began after it.
func (h *History) Tail(n int) ([]engine.HistoryEntry, error) {
	return h.last(n, func(engine.HistoryEntry) bool { return true })
}

// Search is part of engine.History.
func (h *History) Search(pattern string, n int, unique bool) ([]engine.HistoryEntry, error) {
	seen := map[string]bool{}
	return h.last(n, func(e engine.HistoryEntry) bool {
		if !glob(pattern, e.Input) || unique && seen[e.Input] {
			return false
		}
		if unique {
			seen[e.Input] = true
		}
		return true
	})
}

// Range is part of engine.History. Negative sessions count those before this one in which cells were run.
func (h *History) Range(session, start, stop int) ([]engine.HistoryEntry, error) {
	<-h.numbered
	within := func(line int) bool { return line >= start && (stop < 0 || line < stop) }
	if session == 0 || session == h.session {
		var found []engine.HistoryEntry
		for _, e := range h.thisSession() {
			if within(e.Line) {
				found = append(found, e)
			}
		}
		return found, nil
	}
	if h.store == nil {
		return nil, nil
	}
	all, err := h.store.session(h.session, session)
	return slices.DeleteFunc(all, func(e engine.HistoryEntry) bool { return !within(e.Line) }), err
}

// last returns the last n cells that keep keeps, oldest first; n < 0 is no limit. keep sees the latest first.
func (h *History) last(n int, keep func(engine.HistoryEntry) bool) ([]engine.HistoryEntry, error) {
	<-h.numbered
	var found []engine.HistoryEntry
	more := func(e engine.HistoryEntry) bool {
		if n >= 0 && len(found) >= n {
			return false
		}
		if keep(e) {
			found = append(found, e)
		}
		return true
	}
	var err error
	for _, e := range slices.Backward(h.thisSession()) {
		if !more(e) {
			break
		}
	}
	if h.store != nil && (n < 0 || len(found) < n) {
		err = h.store.backward(h.session, more)
	}
	slices.Reverse(found)
	return found, err
}

// thisSession is a copy of this session's cells.
func (h *History) thisSession() []engine.HistoryEntry {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := slices.Clone(h.mine)
	for i := range mine {
		mine[i].Session = h.session
	}
	return mine
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return text[:maxText] + "…"
}
