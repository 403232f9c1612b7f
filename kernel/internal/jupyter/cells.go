package jupyter

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
	"golab/kernel/nb"
)

// cells is the queue of execute_requests, run one after another in the order of their arrival.
type cells struct {
	mu      sync.Mutex
	changed sync.Cond
	queue   []*request
	closed  bool
	running *request // nil between cells
	asking  *asking  // of the running cell, if it may ask for input
	count   int      // of the cells that were counted, In [count]
	failed  failure  // the last cell that aborted others
}

func (c *cells) init() { c.changed.L = &c.mu }

// push queues a request, unless it was sent to run after a cell that has failed meanwhile.
func (c *cells) push(req *request) (aborted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed.before(req) {
		return true
	}
	c.queue = append(c.queue, req)
	c.changed.Broadcast()
	return false
}

// next waits for a request and makes it the running one; nil after close.
func (c *cells) next() *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.closed {
		c.changed.Wait()
	}
	if c.closed {
		return nil
	}
	c.running = c.queue[0]
	c.queue = c.queue[1:]
	return c.running
}

// ended marks the running request as done.
func (c *cells) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = nil
}

// setAsking says how the running cell asks for input; nil if it doesn't.
func (c *cells) setAsking(a *asking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking = a
}

func (c *cells) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
}

// abort empties the queue because req has failed.
func (c *cells) abort(req *request) []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.queue
	c.queue = nil
	c.failed = failure{req: req, at: time.Now()}
	return all
}

// runCells runs cells until the server ends.
func (s *server) runCells() {
	for req := s.cells.next(); req != nil; req = s.cells.next() {
		s.busy(req)
		aborted := s.runCell(req)
		s.cells.ended()
		s.idle(req)
		for _, req := range aborted {
			s.handle(req, abort)
		}
	}
}

// abort answers a cell that is not run because one before it failed.
var abort = handler{answer: func(*server, *request) object { return object{"status": "aborted"} }}

// executeRequest is the content of an execute_request.
type executeRequest struct {
	Code            string            `json:"code"`
	Silent          bool              `json:"silent"`
	StoreHistory    *bool             `json:"store_history"` // absent: not Silent
	UserExpressions map[string]string `json:"user_expressions"`
	AllowStdin      bool              `json:"allow_stdin"`
	StopOnError     *bool             `json:"stop_on_error"` // absent: true
}

// runCell runs one cell and replies. If it failed it returns the cells that waited behind it: they were sent to run after
// one that succeeds. (Those are taken before the reply, so that nothing sent in answer to it is among them.)
func (s *server) runCell(req *request) (aborted []*request) {
	r, err := parse[executeRequest](req)
	if err != nil {
		s.reply(req, badRequest(err))
		return nil
	}
	empty := strings.TrimSpace(r.Code) == ""
	count := s.count(!empty && !r.Silent && (r.StoreHistory == nil || *r.StoreHistory))
	out := &cellOutput{server: s, req: req, count: count.shown, silent: r.Silent}
	if !r.Silent {
		s.post(req, "execute_input", object{"code": r.Code, "execution_count": count.shown})
	}
	call := engine.Request{Code: r.Code, Count: count.shown, Silent: r.Silent, History: s.history}
	if r.AllowStdin {
		may := newAsking(s.ctx)
		defer may.end(errCellEnded)
		s.cells.setAsking(may)
		defer s.cells.setAsking(nil)
		call.Input = s.questions.input(may, req)
	}
	var result engine.Result
	if !empty {
		result = s.execute(call, out)
	}
	if count.stored {
		s.history.Add(count.shown, r.Code, out.result())
	}
	if result.Err != nil {
		content := errorContent(result.Err)
		if !r.Silent {
			s.post(req, "error", object{"ename": content["ename"], "evalue": content["evalue"], "traceback": content["traceback"]})
			if result.Err.More != nil {
				out.Display(nb.Output{Data: result.Err.More})
			}
		}
		content["execution_count"] = count.shown
		content["payload"] = payloads(result.Payload)
		content["user_expressions"] = object{}
		if r.StopOnError == nil || *r.StopOnError {
			aborted = s.cells.abort(req)
		}
		s.reply(req, content)
		return aborted
	}
	s.reply(req, object{
		"execution_count":  count.shown,
		"payload":          payloads(result.Payload),
		"user_expressions": s.evaluate(r.UserExpressions, call, out),
	})
	return nil
}

// payloads is what the client is asked to do, as the protocol writes it.
func payloads(all []engine.Payload) []object {
	wire := []object{}
	for _, p := range all {
		switch p.Source {
		case "set_next_input":
			wire = append(wire, object{"source": p.Source, "text": p.Text, "replace": p.Replace})
		case "page":
			data := output.Encode(p.Page)
			if _, ok := data["text/plain"]; !ok {
				data["text/plain"] = ""
			}
			wire = append(wire, object{"source": p.Source, "data": data, "start": 0})
		}
	}
	return wire
}

// cellCount is the number of a cell. One that is not stored shows the number that the next stored one will have.
type cellCount struct {
	shown  int
	stored bool
}

func (s *server) count(store bool) cellCount {
	s.cells.mu.Lock()
	defer s.cells.mu.Unlock()
	n := cellCount{shown: s.cells.count + 1, stored: store}
	if store {
		s.cells.count = n.shown
	}
	return n
}

// execute runs code with its output limited. A panic of the engine is the cell's error, not the kernel's end.
func (s *server) execute(r engine.Request, out engine.Sink) (result engine.Result) {
	limited := output.Limit(out)
	defer limited.End()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("the kernel failed at a cell", "panic", p, "stack", string(debug.Stack()))
			result.Err = &engine.Error{Name: "kernel error", Value: fmt.Sprint(p)}
		}
	}()
	return s.eng.Execute(r, limited)
}

// evaluate answers user_expressions: each is run as a cell of its own whose value is kept instead of shown.
func (s *server) evaluate(expressions map[string]string, cell engine.Request, out engine.Sink) object {
	values := object{}
	for _, name := range slices.Sorted(maps.Keys(expressions)) {
		value := &valueOutput{Sink: out}
		call := engine.Request{Code: expressions[name], Count: cell.Count, Aside: true, Input: cell.Input, History: cell.History}
		if result := s.execute(call, value); result.Err != nil {
			values[name] = errorContent(result.Err)
			continue
		}
		values[name] = object{"status": "ok", "data": output.Encode(value.bundle), "metadata": object{}}
	}
	return values
}

// valueOutput keeps the value and lets the rest pass.
type valueOutput struct {
	engine.Sink
	bundle nb.Bundle
}

func (v *valueOutput) Result(b nb.Bundle) { v.bundle = b }

// cellOutput posts what a cell shows, also after its end: goroutines may outlive it. It is an engine.Sink.
type cellOutput struct {
	server *server
	req    *request
	count  int
	silent bool // nothing is posted

	mu   sync.Mutex
	text string // the result, as history keeps it
}

func (c *cellOutput) Stream(name, text string) {
	if !c.silent {
		c.server.out.room()
		c.server.out.write(name, c.req.rawHeader, text)
	}
}

// runsScript reports whether showing b does something in the page. Then it must be shown, even if something else takes its place
// at once, as GoNB's dom package does.
func runsScript(b nb.Bundle) bool {
	html, _ := b["text/html"].(string)
	_, script := b["text/javascript"]
	_, app := b["application/javascript"]
	return script || app || strings.Contains(html, "<script")
}

func (c *cellOutput) Display(o nb.Output) {
	typ, updated := "display_data", ""
	if o.Update && o.ID != "" {
		typ = "update_display_data"
		if !runsScript(o.Data) {
			updated = o.ID
		}
	}
	transient := object{}
	if o.ID != "" {
		transient["display_id"] = o.ID
	}
	data, metadata := output.Encode(o.Data), output.EncodeMetadata(o.Metadata)
	c.post(event{
		outgoing: outgoing{typ: typ, content: object{"data": data, "metadata": metadata, "transient": transient}},
		size:     weight(data) + len(metadata), display: updated,
	})
}

func (c *cellOutput) Result(b nb.Bundle) {
	data := output.Encode(b)
	c.mu.Lock()
	c.text, _ = data["text/plain"].(string)
	c.mu.Unlock()
	content := object{"data": data, "metadata": object{}, "execution_count": c.count}
	c.post(event{outgoing: outgoing{typ: "execute_result", content: content}, size: weight(data)})
}

// Comm posts a message of a comm. Silent cells may have widgets too.
func (c *cellOutput) Comm(m nb.CommMessage) {
	data := m.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	content := object{"comm_id": m.ID, "data": data}
	if m.Type == "comm_open" {
		content["target_name"] = m.Target
	}
	parent := m.Parent // what answers a client belongs to its message
	if len(parent) == 0 {
		parent = c.req.rawHeader
	}
	c.server.out.room()
	c.server.out.post(event{
		outgoing: outgoing{typ: m.Type, parent: parent, metadata: m.Metadata, content: content, buffers: m.Buffers},
		size:     len(m.Data) + size(m.Buffers),
	})
}

func (c *cellOutput) Clear(wait bool) {
	c.post(event{outgoing: outgoing{typ: "clear_output", content: object{"wait": wait}}})
}

func (c *cellOutput) post(e event) {
	if !c.silent {
		e.parent = c.req.rawHeader
		c.server.out.room()
		c.server.out.post(e)
	}
}

// weight is about how many bytes encoded data takes.
func weight(data object) int {
	n := 0
	for mime, v := range data {
		n += len(mime)
		switch v := v.(type) {
		case string:
			n += len(v)
		case json.RawMessage:
			n += len(v)
		}
	}
	return n
}

// result is the text of the cell's value so far.
func (c *cellOutput) result() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text
}
