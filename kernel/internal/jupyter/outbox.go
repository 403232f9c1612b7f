package jupyter

import (
	"encoding/json"
	"strings"
	"sync"
	"time"
)

const (
	// flushEvery is how long a piece of streamed text waits for more of the same before it is sent.
	flushEvery = 20 * time.Millisecond
	// flushSize is how much text makes it go at once.
	flushSize = 256 << 10
)

// event is one message for iopub.
type event struct {
	typ     string
	parent  json.RawMessage
	content any

	// A stream event has these instead of content.
	stream string
	text   *strings.Builder
	born   time.Time
}

// outbox is the queue before iopub. Posting never blocks, so neither does the code that shows something; text that comes
// faster than it is sent is merged into fewer, longer messages. The order of posting is kept.
type outbox struct {
	send func(event)

	mu      sync.Mutex
	queue   []event
	sending bool
	idle    sync.Cond     // queue is empty and nothing is being sent
	wake    chan struct{} // has a token when the queue changed
}

func newOutbox(send func(event)) *outbox {
	o := &outbox{send: send, wake: make(chan struct{}, 1)}
	o.idle.L = &o.mu
	return o
}

// post queues a message.
func (o *outbox) post(typ string, parent json.RawMessage, content any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, event{typ: typ, parent: parent, content: content})
	o.awake()
}

// stream queues text, together with what waits of the same stream.
func (o *outbox) stream(name string, parent json.RawMessage, text string) {
	if text == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	// A program that alternates between stdout and stderr must not fill the queue with crumbs: when it backs up, text
	// may overtake the other stream's, as it may in any terminal.
	reach := 1
	if len(o.queue) > 64 {
		reach = 2
	}
	for i := len(o.queue) - 1; i >= max(0, len(o.queue)-reach); i-- {
		e := &o.queue[i]
		if e.text == nil || string(e.parent) != string(parent) {
			break
		}
		if e.stream == name {
			if e.text.Len()+len(text) > flushSize {
				break
			}
			e.text.WriteString(text)
			o.awake()
			return
		}
	}
	e := event{typ: "stream", parent: parent, stream: name, text: &strings.Builder{}, born: time.Now()}
	e.text.WriteString(text)
	o.queue = append(o.queue, e)
	o.awake()
}

func (o *outbox) awake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends what is posted until done is closed.
func (o *outbox) run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	for {
		e, wait, ok := o.next()
		if ok {
			o.send(e)
			continue
		}
		timer.Reset(wait)
		select {
		case <-o.wake:
		case <-timer.C:
		case <-done:
			return
		}
	}
}

// next takes the first event, or says how long there will be none unless more is posted.
func (o *outbox) next() (e event, wait time.Duration, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending = false
	if len(o.queue) == 0 {
		o.idle.Broadcast()
		return event{}, time.Hour, false
	}
	e = o.queue[0]
	if e.text != nil && len(o.queue) == 1 && e.text.Len() < flushSize/2 {
		if wait := flushEvery - time.Since(e.born); wait > 0 {
			return event{}, wait, false
		}
	}
	o.queue[0] = event{}
	o.queue = o.queue[1:]
	o.sending = true
	if e.text != nil {
		e.content = object{"name": e.stream, "text": e.text.String()}
	}
	return e, 0, true
}

// drain waits until all that was posted is sent.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 || o.sending {
		o.idle.Wait()
	}
}
