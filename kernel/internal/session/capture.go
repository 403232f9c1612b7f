package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

const (
	// captureEvery is how long changes of an Output widget wait for more of them before they are shown.
	captureEvery = 50 * time.Millisecond
	// maxCaptured is how much text an Output widget holds; of more, the beginning is left out. Clients get all of it at
	// each change.
	maxCaptured = 1 << 20
)

// captured is what one Output widget shows: the trait "outputs" of ipywidgets' OutputModel, a list of outputs as notebook
// files hold them. What is printed reaches the front and not the worker, so the front keeps the list, and sends it to the
// clients as the widget would and to the widget as a client would.
//
// It is the Sink of what is shown while the widget captures.
type captured struct {
	id     string
	sink   func() engine.Sink   // takes what is no output
	update func(nb.CommMessage) // tells clients and the worker

	mu      sync.Mutex
	outputs []capturedOutput
	size    int         // bytes of text in them
	clear   bool        // before the next output
	timer   *time.Timer // runs if there is something to tell
}

// capturedOutput is one output.
type capturedOutput struct {
	id      string // of a display
	content map[string]any
}

// Stream is part of engine.Sink.
func (c *captured) Stream(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add()
	if n := len(c.outputs); n > 0 && c.outputs[n-1].content["name"] == name {
		last := c.outputs[n-1].content
		last["text"] = last["text"].(string) + text
	} else {
		c.outputs = append(c.outputs, capturedOutput{content: map[string]any{"output_type": "stream", "name": name, "text": text}})
	}
	c.size += len(text)
	c.cut()
}

// cut leaves out the beginning of too much text.
func (c *captured) cut() {
	if c.size <= maxCaptured+maxCaptured/4 {
		return
	}
	for i := 0; i < len(c.outputs) && c.size > maxCaptured; i++ {
		text, ok := c.outputs[i].content["text"].(string)
		if !ok {
			continue
		}
		n := min(c.size-maxCaptured, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		rest := text[n:]
		if _, after, ok := strings.Cut(rest, "\n"); ok {
			rest = after
		}
		c.size -= len(text) - len(rest)
		c.outputs[i].content["text"] = fmt.Sprintf("[only the last %d kB are kept]\n", maxCaptured>>10) + rest
	}
}

// Display is part of engine.Sink.
func (c *captured) Display(o nb.Output) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := capturedOutput{o.ID, map[string]any{"output_type": "display_data", "data": output.Encode(o.Data), "metadata": output.EncodeMetadata(o.Metadata)}}
	if !o.Update {
		c.add()
		c.outputs = append(c.outputs, shown)
		return
	}
	for i, was := range c.outputs {
		if was.id == o.ID {
			c.outputs[i] = shown
			c.changed()
		}
	}
}

// Clear is part of engine.Sink.
func (c *captured) Clear(wait bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait {
		c.clear = true
		return
	}
	c.empty()
	c.changed()
}

// settle is called when the widget captures no more: a Clear that waits, waits no longer.
func (c *captured) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clear {
		c.empty()
		c.changed()
	}
}

// add makes the list ready for one more.
func (c *captured) add() {
	if c.clear {
		c.empty()
	}
	c.changed()
}

func (c *captured) empty() { c.outputs, c.size, c.clear = nil, 0, false }

// changed has the clients told soon: the later, the more there is to tell.
func (c *captured) changed() {
	if c.timer == nil {
		c.timer = time.AfterFunc(captureEvery+time.Duration(c.size/(4<<10))*time.Millisecond, c.flush)
	}
}

// flush tells the clients what has not been told yet.
func (c *captured) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil {
		return
	}
	c.timer.Stop()
	c.timer = nil
	outputs := []map[string]any{}
	for _, o := range c.outputs {
		outputs = append(outputs, o.content)
	}
	data, err := output.Marshal(map[string]any{"method": "update", "state": map[string]any{"outputs": outputs}, "buffer_paths": []any{}})
	if err == nil { // all of it is JSON already
		c.update(nb.CommMessage{Type: "comm_msg", ID: c.id, Data: json.RawMessage(data)})
	}
}

// Result goes to the cell, whose value it is.
func (c *captured) Result(b nb.Bundle) { c.sink().Result(b) }

// Comm is part of engine.Sink.
func (c *captured) Comm(m nb.CommMessage) { c.sink().Comm(m) }

// captures is the Output widgets of a worker, and which of them captures. It belongs to the pump's loop.
type captures struct {
	widgets map[string]*captured // by comm
	shown   map[string]*captured // by the identifiers of displays
}

// capture begins or ends a capture, as its event says, for what s brings from here on.
func (p *pump) capture(s *stream, seq int, e *pipe.Capture) {
	switch {
	case e.Begin:
		s.routes = append(s.routes, route{seq, p.widget(e.Comm)})
	case e.Clear != nil:
		if s == p.stdout {
			p.widget(e.Comm).Clear(e.Clear.Wait)
		}
	default:
		s.routes = slices.DeleteFunc(s.routes, func(r route) bool { return r.seq == e.End })
		if s == p.stdout {
			p.widget(e.Comm).settle()
		}
	}
}

// route is one capture that has begun.
type route struct {
	seq int // of the event
	to  *captured
}

// widget is the Output widget of a comm.
func (p *pump) widget(comm string) *captured {
	c := p.captures.widgets[comm]
	if c == nil {
		c = &captured{sink: p.sink, id: comm, update: func(m nb.CommMessage) {
			p.sink().Comm(m)
			p.comm(m)
		}}
		p.captures.widgets[comm] = c
	}
	return c
}

// forgetWidget forgets what a comm that was closed has captured.
func (p *pump) forgetWidget(comm string) {
	if c := p.captures.widgets[comm]; c != nil {
		c.flush()
		delete(p.captures.widgets, comm)
		maps.DeleteFunc(p.captures.shown, func(_ string, to *captured) bool { return to == c })
	}
}

// tellCaptured tells clients at once what widgets have captured.
func (p *pump) tellCaptured() {
	for _, c := range p.captures.widgets {
		c.flush()
	}
}

// to is where what a stream brings is shown now.
func (p *pump) to(s *stream) engine.Sink {
	if n := len(s.routes); n > 0 {
		return s.routes[n-1].to
	}
	return p.sink()
}

// display shows o, or has what it replaces replaced.
func (p *pump) display(o nb.Output) {
	to := p.to(p.stdout)
	if o.ID != "" {
		c, _ := to.(*captured)
		if o.Update {
			c = p.captures.shown[o.ID]
			if to = p.sink(); c != nil {
				to = c
			}
		} else if c != nil {
			p.captures.shown[o.ID] = c
		} else {
			delete(p.captures.shown, o.ID)
		}
	}
	to.Display(o)
}
