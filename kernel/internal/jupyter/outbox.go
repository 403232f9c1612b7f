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
	// flushSize is how much text one message holds at most.
	flushSize = 512 << 10
	// Each stream, and the updates of each display, may send burst messages in a row, and one more every pace: browsers
	// choke on the number of messages long before they do on text. What comes meanwhile is merged into the next.
	burst = 16
	pace  = 100 * time.Millisecond
	// crumbs is how many messages wait before text may overtake that of the other stream, to be merged.
	crumbs = 16
	// maxQueued and maxEvents are how much waits before what shows more has to wait, for roomTime at most.
	maxQueued = 64 << 20
	maxEvents = 4096
	roomTime  = time.Second
)

// event is one message for iopub.
type event struct {
	outgoing
	size    int    // about how many bytes it holds
	display string // of update_display_data: the display's identifier

	// A stream event has these instead of content.
	stream string
	text   *strings.Builder
	born   time.Time
}

// paced is the name of what limits how often such events are sent; empty for one that is sent at once.
func (e *event) paced() string {
	if e.display != "" {
		return "display " + e.display
	}
	return e.stream
}

// outbox is the queue before iopub. Posting never blocks, so neither do answers. Text that comes faster than it is sent is
// merged into fewer, longer messages, and so are updates of one display; what cells show waits for room first. The order of
// posting is kept, and nothing is dropped.
type outbox struct {
	send func(event)
	now  func() time.Time

	mu      sync.Mutex
	queue   []event
	bytes   int
	prompt  int // events in queue that are sent at once, and all before them
	hurry   int // callers of drain
	sending bool
	closed  bool
	allowed map[string]*allowance
	changed sync.Cond     // the queue became shorter, or closed
	wake    chan struct{} // has a token when there is more to send
}

func newOutbox(send func(event)) *outbox {
	o := &outbox{send: send, now: time.Now, allowed: map[string]*allowance{}, wake: make(chan struct{}, 1)}
	o.changed.L = &o.mu
	return o
}

// allowance is how many messages of one kind may be sent.
type allowance struct {
	left float64
	at   time.Time // when left was right
}

// wait is how long it takes until there is one to spend.
func (a *allowance) wait(now time.Time) time.Duration {
	a.left = min(burst, a.left+float64(now.Sub(a.at))/float64(pace))
	a.at = now
	if a.left >= 1 {
		return 0
	}
	return time.Duration((1 - a.left) * float64(pace))
}

// post queues a message. An update replaces the one of the same display that still waits.
func (o *outbox) post(e event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if e.display != "" {
		for i := len(o.queue) - 1; i >= 0; i-- {
			old := &o.queue[i]
			if old.text == nil && old.display == "" {
				break // such as clear_output: what comes before is not what comes behind
			}
			if old.display == e.display && string(old.parent) == string(e.parent) {
				o.bytes += e.size - old.size
				*old = e
				return
			}
		}
	}
	o.queue = append(o.queue, e)
	o.bytes += e.size
	if e.paced() == "" {
		o.prompt++
	}
	o.awake()
}

// write queues text, together with what waits of the same stream.
func (o *outbox) write(name string, parent json.RawMessage, text string) {
	if text == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.bytes += len(text)
	// A program that alternates between stdout and stderr must not fill the queue with crumbs: when it backs up, text
	// may overtake the other stream's, as it may in any terminal.
	reach := 1
	if len(o.queue) > crumbs {
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
	e := event{outgoing: outgoing{typ: "stream", parent: parent}, stream: name, text: &strings.Builder{}, born: o.now()}
	e.text.WriteString(text)
	o.queue = append(o.queue, e)
	o.awake()
}

// room waits until there is room for more, for a second at most: a client that reads slowly slows down what is shown, and
// one that does not read stops nothing for good.
func (o *outbox) room() {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := func() bool { return !o.closed && (o.bytes > maxQueued || len(o.queue) > maxEvents) }
	if !full() {
		return
	}
	late := false
	giveUp := time.AfterFunc(roomTime, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.changed.Broadcast()
	})
	defer giveUp.Stop()
	for full() && !late {
		o.changed.Wait()
	}
}

func (o *outbox) awake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends what is posted until done is closed.
func (o *outbox) run(done <-chan struct{}) {
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.closed, o.queue, o.bytes, o.sending = true, nil, 0, false
		o.changed.Broadcast()
	}()
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

// next takes the first event, or says how long none is to be sent unless more is posted.
func (o *outbox) next() (e event, wait time.Duration, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending = false
	o.changed.Broadcast()
	if len(o.queue) == 0 {
		return event{}, time.Hour, false
	}
	e = o.queue[0]
	if name := e.paced(); name == "" {
		o.prompt--
	} else {
		now := o.now()
		a := o.allowance(name, now)
		wait := a.wait(now)
		if e.text != nil && e.text.Len() < flushSize/2 && len(o.queue) == 1 {
			wait = max(wait, flushEvery-now.Sub(e.born))
		}
		if wait > 0 && o.prompt == 0 && o.hurry == 0 {
			return event{}, wait, false
		}
		a.left = max(0, a.left-1)
	}
	if e.text != nil {
		o.bytes -= e.text.Len()
		e.content = object{"name": e.stream, "text": e.text.String()}
	}
	o.bytes -= e.size
	o.queue[0] = event{}
	o.queue = o.queue[1:]
	o.sending = true
	return e, 0, true
}

// allowance is the one of that name.
func (o *outbox) allowance(name string, now time.Time) *allowance {
	a := o.allowed[name]
	if a == nil {
		if len(o.allowed) > maxEvents { // identifiers of displays that are long gone
			clear(o.allowed)
		}
		a = &allowance{left: burst, at: now}
		o.allowed[name] = a
	}
	return a
}

// drain sends at once what waits, and returns when it is sent or after a while.
func (o *outbox) drain(patience time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurry++
	defer func() { o.hurry-- }()
	o.awake()
	late := false
	giveUp := time.AfterFunc(patience, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.changed.Broadcast()
	})
	defer giveUp.Stop()
	for (len(o.queue) > 0 || o.sending) && !o.closed && !late {
		o.changed.Wait()
	}
}
