package jupyter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
)

// overtaking are the commands of the Debug Adapter Protocol that end what another waits for, so they don't wait for it.
var overtaking = map[string]bool{"disconnect": true, "terminate": true, "pause": true, "cancel": true}

// debugRequest is a request of the Debug Adapter Protocol.
type debugRequest struct {
	Seq     int    `json:"seq"`
	Command string `json:"command"`
}

// pushDebug has a debug_request answered. The debugger gets the requests one after another, as they came, while all other
// messages are answered meanwhile.
func (s *server) pushDebug(req *request) {
	var r debugRequest
	json.Unmarshal(req.content, &r) // what it can't read is the debugger's to refuse
	if !overtaking[r.Command] {
		s.debugging.push(func() { s.debug(req, r) })
		return
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.debug(req, r)
	}()
	s.debugging.push(func() { <-answered }) // what comes behind it does wait
}

// debug answers one debug_request.
func (s *server) debug(req *request, r debugRequest) {
	s.busy(req)
	s.respond(req, s.debugResponse(req, r))
	s.idle(req)
}

// debugResponse is the debugger's, or one that says what it failed at.
func (s *server) debugResponse(req *request, r debugRequest) (response json.RawMessage) {
	fail := func(why string) json.RawMessage {
		raw, _ := json.Marshal(object{"type": "response", "request_seq": r.Seq, "success": false, "command": r.Command, "message": why})
		return raw
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("the debugger failed", "command", r.Command, "panic", p, "stack", string(debug.Stack()))
			response = fail(fmt.Sprint("the debugger failed: ", p))
		}
	}()
	event := func(content json.RawMessage) {
		if !isObject(content) {
			s.log.Error("dropped a debug_event: it is no JSON object", "content", string(content))
			return
		}
		s.post(req, "debug_event", content)
	}
	response = s.eng.Debug(s.ctx, req.content, event)
	if !isObject(response) {
		return fail("the debugger can't answer this here")
	}
	return response
}

func isObject(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) && json.Valid(raw)
}

// sequence calls functions one after another, in a goroutine that lives as long as there are some.
type sequence struct {
	mu    sync.Mutex
	queue []func()
	busy  bool
}

func (q *sequence) push(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, f)
	if !q.busy {
		q.busy = true
		go q.run()
	}
}

func (q *sequence) run() {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		f := q.queue[0]
		q.queue = q.queue[1:]
		q.mu.Unlock()
		f()
	}
}
