package nb

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// CommMessage is one message of a comm, a channel between code in the notebook and something that clients show, such as a
// widget. Jupyter's messaging protocol calls its types comm_open, comm_msg and comm_close.
type CommMessage struct {
	Type     string // "comm_open", "comm_msg" or "comm_close"
	ID       string
	Target   string          `json:",omitempty"` // of comm_open: who is to answer
	Data     json.RawMessage // a JSON object
	Metadata map[string]any  `json:",omitempty"`
	Buffers  [][]byte        `json:",omitempty"` // binary data beside Data
	// Parent is what the protocol calls the parent header: of a client's message, what an answer to it has here; empty for
	// messages that belong to the latest cell.
	Parent json.RawMessage `json:",omitempty"`
}

// Comm is a channel between code in the notebook and something that clients show. Its methods may be called from any
// goroutine.
//
// What a client sends is handed to the functions given to OnMessage and OnClose, one message after another, in the order in
// which they were sent, on a goroutine that is no cell's: while a cell runs as well as while none does. So messages of two
// comms, or of one and a running cell, are handled at the same time, and code that shares variables must guard them. A panic
// there is reported below the latest cell; the comm goes on.
type Comm struct {
	id, target string

	mu        sync.Mutex
	closed    bool
	busy      bool // a message is being handled
	waiting   []CommMessage
	onMessage func(CommMessage)
	onClose   func(CommMessage)
}

var (
	commMu  sync.Mutex
	comms   = map[string]*Comm{}
	targets = map[string]func(*Comm, CommMessage){}
)

// ErrCommClosed is returned by what is sent on a comm that either side has closed.
var ErrCommClosed = errors.New("the comm is closed")

// OpenComm opens a comm to what the clients have registered under the name target. Data is anything that encoding/json
// makes an object of, nil stands for an empty one; metadata may be nil. Outside a notebook the comm leads nowhere.
func OpenComm(target string, data any, metadata map[string]any, buffers ...[]byte) (*Comm, error) {
	return OpenCommID(rand.Text(), target, data, metadata, buffers...)
}

// OpenCommID is OpenComm with an identifier of the caller's, which no other comm of the notebook may have.
func OpenCommID(id, target string, data any, metadata map[string]any, buffers ...[]byte) (*Comm, error) {
	raw, err := object(data)
	if err != nil {
		return nil, err
	}
	c := &Comm{id: id, target: target}
	commMu.Lock()
	if comms[id] != nil {
		commMu.Unlock()
		return nil, fmt.Errorf("a comm with the identifier %q is open already", id)
	}
	comms[id] = c
	commMu.Unlock()
	post(CommMessage{Type: "comm_open", ID: id, Target: target, Data: raw, Metadata: maps.Clone(metadata), Buffers: buffers})
	return c, nil
}

// HandleComm has open called for each comm that a client opens to target, with the message that opened it. It runs before
// any message on that comm is handled, so it is the place for OnMessage. A nil open refuses such comms, as all are that have
// no handler.
func HandleComm(target string, open func(c *Comm, m CommMessage)) {
	commMu.Lock()
	defer commMu.Unlock()
	if open == nil {
		delete(targets, target)
	} else {
		targets[target] = open
	}
}

// ID is the comm's identifier.
func (c *Comm) ID() string { return c.id }

// Target is the name under which the comm was opened.
func (c *Comm) Target() string { return c.target }

// Send sends data, which is like that of OpenComm, to all clients.
func (c *Comm) Send(data any, buffers ...[]byte) error {
	return c.Reply(CommMessage{}, data, buffers...)
}

// Reply is Send for what answers a client's message. All clients get it; the one that asked knows it for the answer.
func (c *Comm) Reply(to CommMessage, data any, buffers ...[]byte) error {
	raw, err := object(data)
	if err != nil {
		return err
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return ErrCommClosed
	}
	post(CommMessage{Type: "comm_msg", ID: c.id, Data: raw, Buffers: buffers, Parent: to.Parent})
	return nil
}

// Close closes the comm on both sides. Closing it again does nothing.
func (c *Comm) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.forget()
	post(CommMessage{Type: "comm_close", ID: c.id, Data: json.RawMessage("{}")})
	return nil
}

// OnMessage has f called for each message; messages that came before wait for it.
func (c *Comm) OnMessage(f func(m CommMessage)) {
	c.mu.Lock()
	c.onMessage = f
	c.mu.Unlock()
	c.next(false)
}

// OnClose has f called when a client has closed the comm.
func (c *Comm) OnClose(f func(m CommMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onClose = f
}

func (c *Comm) forget() {
	commMu.Lock()
	defer commMu.Unlock()
	if comms[c.id] == c {
		delete(comms, c.id)
	}
}

// DeliverComm takes a message of a client and returns at once. The kernel's worker calls it. What opens a comm that is open
// already is ignored, as is what is sent on one that is not.
func DeliverComm(m CommMessage) {
	commMu.Lock()
	c := comms[m.ID]
	if m.Type == "comm_open" {
		open := targets[m.Target]
		if c != nil || open == nil {
			commMu.Unlock()
			if c == nil {
				post(CommMessage{Type: "comm_close", ID: m.ID, Data: json.RawMessage("{}"), Parent: m.Parent})
			}
			return
		}
		c = &Comm{id: m.ID, target: m.Target, busy: true}
		comms[m.ID] = c
		commMu.Unlock()
		Go(func() {
			defer c.next(true)
			open(c, m)
		})
		return
	}
	commMu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, m)
	c.mu.Unlock()
	c.next(false)
}

// next starts handling the first message that waits, if none is being handled; handled says that one just was.
func (c *Comm) next(handled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if handled {
		c.busy = false
	}
	for !c.busy && len(c.waiting) > 0 {
		m := c.waiting[0]
		f := c.onMessage
		if m.Type == "comm_close" {
			f = c.onClose
			c.closed = true
			c.forget()
		} else if f == nil {
			return
		}
		c.waiting = c.waiting[1:]
		if f == nil {
			continue
		}
		c.busy = true
		Go(func() {
			defer c.next(true)
			f(m)
		})
	}
}

// Go runs f on a goroutine of its own that belongs to no cell: it goes on when the cell that runs is interrupted, and a panic
// in it is reported and ends nothing else. An interrupt while no cell runs stops it. Outside a notebook it is a go statement.
func Go(f func()) {
	if h := attached(); h != nil {
		h.Go(f)
	} else {
		go f()
	}
}

// Capture runs f and has the comm's Output widget show what is printed and displayed meanwhile, by any goroutine of the
// notebook's. A panic of f is shown there too and goes no further. Outside a notebook it just runs f.
func (c *Comm) Capture(f func()) {
	if h := attached(); h != nil {
		h.Capture(c.id, f)
	} else {
		f()
	}
}

// ClearCaptured removes what the comm's Output widget shows; with wait, when it is to show something else, or at the end of
// Capture.
func (c *Comm) ClearCaptured(wait bool) {
	if h := attached(); h != nil {
		h.ClearCaptured(c.id, wait)
	}
}

// post sends a message to the clients, if there are any.
func post(m CommMessage) {
	if h := attached(); h != nil {
		h.Comm(m)
	}
}

// object is data as a JSON object.
func object(data any) (json.RawMessage, error) {
	if data == nil {
		return json.RawMessage("{}"), nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("what a comm sends must be JSON: %w", err)
	}
	if len(raw) == 0 || raw[0] != '{' {
		return nil, fmt.Errorf("what a comm sends must be a JSON object, such as a map or a struct, not a %T", data)
	}
	return raw, nil
}
