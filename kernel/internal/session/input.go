package session

import (
	"golab/kernel/internal/pipe"
)

// askInput asks the person at the client for a line, for the running cell. It does not wait.
func (s *Session) askInput(q pipe.Input) {
	s.mu.Lock()
	r, w := s.running, s.worker
	s.mu.Unlock()
	if w == nil {
		return
	}
	if r == nil || r.src.Gen != q.Gen { // the cell ended meanwhile, and with it the wait for an answer
		return
	}
	if r.req.Input == nil {
		go w.send(pipe.Command{Line: &pipe.Line{ID: q.ID, Err: "this front end can't be asked for input"}})
		return
	}
	go func() {
		l := &pipe.Line{ID: q.ID}
		text, err := r.req.Input(r.asking, q.Prompt, q.Password)
		if r.asking.Err() != nil { // the worker hears of it, and must not take this for an answer
			return
		}
		if err != nil {
			l.Err = err.Error()
		}
		l.Text = text
		w.send(pipe.Command{Line: l})
	}()
}
