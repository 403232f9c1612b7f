package session

import (
	"encoding/json"
	"maps"
	"sync"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// comms is what the front knows of a worker's comms: enough to say which there are without asking, and to close them when the
// worker has gone.
type comms struct {
	mu   sync.Mutex
	open map[string]string // targets by identifier
}

// note takes a message of either side.
func (c *comms) note(m nb.CommMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Type {
	case "comm_open":
		c.open[m.ID] = m.Target
	case "comm_close":
		delete(c.open, m.ID)
	}
}

// has reports whether a comm is open.
func (c *comms) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.open[id]
	return ok
}

// all is the open comms' targets.
func (c *comms) all() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.open)
}

// closeAll tells clients that nobody is there any more.
func (c *comms) closeAll(out engine.Sink) {
	c.mu.Lock()
	was := c.open
	c.open = map[string]string{}
	c.mu.Unlock()
	for id := range was {
		out.Comm(closed(id))
	}
}

func closed(id string) nb.CommMessage {
	return nb.CommMessage{Type: "comm_close", ID: id, Data: json.RawMessage("{}")}
}

// Attach is part of engine.Engine.
func (s *Session) Attach(out engine.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink == (discard{}) {
		s.sink = out
	}
}

// Comm is part of engine.Engine. What is not for an open comm is dropped; a comm that nobody can answer is closed.
func (s *Session) Comm(m nb.CommMessage) {
	s.mu.Lock()
	w := s.worker
	s.mu.Unlock()
	if w == nil || !w.alive() {
		if m.Type == "comm_open" {
			answer := closed(m.ID)
			answer.Parent = m.Parent
			s.currentSink().Comm(answer)
		}
		return
	}
	if m.Data == nil {
		m.Data = json.RawMessage("{}")
	}
	opens := m.Type == "comm_open"
	gonb := w.pump.gonbComm
	switch {
	case opens == w.comms.has(m.ID):
	case opens && m.Target == gonbTarget:
		w.comms.note(m)
		gonb.opened(m.ID)
	case gonb.is(m.ID):
		w.comms.note(m)
		gonb.take(m)
	default:
		w.comms.note(m)
		w.post(pipe.Command{Comm: &m})
	}
}

// Comms is part of engine.Engine.
func (s *Session) Comms() map[string]string {
	s.mu.Lock()
	w := s.worker
	s.mu.Unlock()
	if w == nil || !w.alive() {
		return nil
	}
	return w.comms.all()
}
