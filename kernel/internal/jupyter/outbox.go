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
	flushSize = 256 << 10
	// Each stream, and the updates of each display, may send burst messages in a row, and one more every pace: browsers
	// choke on the number of messages long before they do on text. What comes meanwhile is merged into the next.
	burst = 16
	pace  = 100 * time.Millisecond
	// Jupyter's server drops whatever a kernel shows, results and errors too, when that is more than 3,000 messages or, of
	// text, 3,000,000 bytes in three seconds (ServerApp.iopub_msg_rate_limit and iopub_data_rate_limit), counted anew at each
	// idle status. So no more is sent: at once up to these limits, and beyond them as much a second.
	messageLimit, messageRate = 2000, 300
	textLimit, textRate       = 2_000_000, 300_000
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
	stream  string
	text    *strings.Builder
	encoded int // about how many bytes the text takes in a message
	born    time.Time
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
	budget  struct{ messages, text allowance } // of Jupyter's server
	changed sync.Cond                          // the queue became shorter, or closed
	wake    chan struct{}                      // has a token when there is more to send
}

func newOutbox(send func(event)) *outbox {
	o := &outbox{send: send, now: time.Now, allowed: map[string]*allowance{}, wake: make(chan struct{}, 1)}
	o.changed.L = &o.mu
	o.renew()
	return o
}

// renew is called when Jupyter's server begins to count anew.
func (o *outbox) renew() {
	o.budget.messages, o.budget.text = newAllowance(messageLimit, messageRate), newAllowance(textLimit, textRate)
}

// allowance is how much of something may be sent.
type allowance struct {
	most, rate float64 // at once, and more in each second
	left       float64
	at         time.Time // when left was right
}

func newAllowance(most, rate float64) allowance { return allowance{most: most, rate: rate, left: most} }

// wait is how long it takes until there are n to spend, or as many as there can be.
func (a *allowance) wait(now time.Time, n float64) time.Duration {
	if !a.at.IsZero() {
		a.left = min(a.most, a.left+now.Sub(a.at).Seconds()*a.rate)
	}
	a.at = now
	if n = min(n, a.most); a.left >= n {
		return 0
	}
	return time.Duration((n-a.left)/a.rate*float64(time.Second)) + 1
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
			e.encoded += encodedSize(text)
			o.awake()
			return
		}
	}
	e := event{outgoing: outgoing{typ: "stream", parent: parent}, stream: name, text: &strings.Builder{}, born: o.now()}
	e.text.WriteString(text)
	e.encoded = 1000 + encodedSize(text) // with the headers
	o.queue = append(o.queue, e)
	o.awake()
}

// room waits until there is room for more, for a second at most: a client that reads slowly slows down what is shown, and
// one that does not read stops nothing for good.
func (o *outbox) room() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waitWhile(func() bool { return o.bytes > maxQueued || len(o.queue) > maxEvents }, roomTime)
}

// waitWhile waits while cond holds, unless the outbox is closed, and not longer than patience. The lock is held.
func (o *outbox) waitWhile(cond func() bool, patience time.Duration) {
	waits := func() bool { return !o.closed && cond() }
	if !waits() {
		return
	}
	late := false
	giveUp := time.AfterFunc(patience, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.changed.Broadcast()
	})
	defer giveUp.Stop()
	for waits() && !late {
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
	now := o.now()
	name, own := e.paced(), &allowance{} // one that nobody keeps, if e is not held back
	if name != "" && o.prompt == 0 && o.hurry == 0 {
		own = o.allowance(name)
		wait = own.wait(now, 1)
		if e.text != nil && e.text.Len() < flushSize/2 && len(o.queue) == 1 {
			wait = max(wait, flushEvery-now.Sub(e.born))
		}
	}
	messages, text := 1.0, 0.0
	if e.typ == "status" {
		messages = 0
	}
	if e.text != nil {
		e.content = object{"name": e.stream, "text": e.text.String()}
		text = float64(e.encoded)
	}
	wait = max(wait, o.budget.messages.wait(now, messages), o.budget.text.wait(now, text))
	if wait > 0 {
		return event{}, wait, false
	}
	own.left--
	o.budget.messages.left -= messages
	o.budget.text.left -= text
	if c, ok := e.content.(object); ok && e.typ == "status" && c["execution_state"] == "idle" {
		o.renew()
	}
	if name == "" {
		o.prompt--
	}
	if e.text != nil {
		o.bytes -= e.text.Len()
	}
	o.bytes -= e.size
	o.queue[0] = event{}
	o.queue = o.queue[1:]
	o.sending = true
	return e, 0, true
}

// allowance is the one of that name.
func (o *outbox) allowance(name string) *allowance {
	a := o.allowed[name]
	if a == nil {
		if len(o.allowed) > maxEvents { // identifiers of displays that are long gone
			clear(o.allowed)
		}
		fresh := newAllowance(burst, float64(time.Second/pace))
		a = &fresh
		o.allowed[name] = a
	}
	return a
}

// encodedSize is how many bytes text takes in JSON, or somewhat more.
func encodedSize(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n', c == '\r', c == '\t', c == '"', c == '\\':
			n++
		case c < ' ':
			n += 5
		case c == '\xe2' && i+2 < len(text) && text[i+1] == '\x80' && text[i+2]&^1 == '\xa8': // a line separator
			n += 3
		}
	}
	return n
}

// drain sends at once what waits, and returns when it is sent or after a while.
func (o *outbox) drain(patience time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurry++
	defer func() { o.hurry-- }()
	o.awake()
	o.waitWhile(func() bool { return len(o.queue) > 0 || o.sending }, patience)
}
