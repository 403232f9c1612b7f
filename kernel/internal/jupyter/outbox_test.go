package jupyter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sent runs an outbox on what fill posts while sending is held up, and returns what was sent.
func sent(t *testing.T, fill func(*outbox)) []string {
	t.Helper()
	var all []string
	o := newOutbox(func(e event) {
		all = append(all, fmt.Sprint(e.typ, " ", string(e.parent), " ", e.content))
	})
	fill(o)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.run(done)
	}()
	o.drain(time.Minute)
	close(done)
	<-ended
	return all
}

func TestOutboxMergesTextInOrder(t *testing.T) {
	a, b := json.RawMessage("A"), json.RawMessage("B")
	got := sent(t, func(o *outbox) {
		o.write("stdout", a, "1")
		o.write("stdout", a, "2")
		o.write("stdout", a, "")
		o.write("stderr", a, "3")
		o.write("stdout", a, "4")
		o.post(event{outgoing: outgoing{typ: "display_data", parent: a, content: 5}})
		o.write("stdout", a, "6")
		o.write("stdout", b, "7")
	})
	want := []string{
		"stream A map[name:stdout text:12]", "stream A map[name:stderr text:3]", "stream A map[name:stdout text:4]",
		"display_data A 5", "stream A map[name:stdout text:6]", "stream B map[name:stdout text:7]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestOutboxStaysShortUnderAlternatingStreams(t *testing.T) {
	got := sent(t, func(o *outbox) {
		for range 100_000 {
			o.write("stdout", nil, "o")
			o.write("stderr", nil, "e")
		}
		if len(o.queue) > crumbs+4 {
			t.Errorf("%d messages wait", len(o.queue))
		}
	})
	if all := strings.Join(got, ""); strings.Count(all, "oo") < 49_000 {
		t.Errorf("text is missing: %d bytes", len(all))
	}
}

// clock is an outbox whose time stands still unless it is told to go on.
type clock struct {
	*outbox
	at time.Time
}

func newClock() *clock {
	c := &clock{outbox: newOutbox(func(event) {}), at: time.Unix(1, 0)}
	c.now = func() time.Time { return c.at }
	return c
}

// sent is what is sent without any more time passing.
func (c *clock) sent() (all []string) {
	for {
		e, _, ok := c.next()
		if !ok {
			return all
		}
		all = append(all, fmt.Sprint(e.typ, " ", e.content))
	}
}

// TestOutboxPacesFloods: a stream that goes on printing is sent a few times and then ten times a second, and loses nothing.
func TestOutboxPacesFloods(t *testing.T) {
	c := newClock()
	messages, text := 0, 0
	for range 10_000 { // ten seconds of a line in each millisecond
		c.write("stdout", nil, "line\n")
		for _, s := range c.sent() {
			messages++
			text += strings.Count(s, "line")
		}
		c.at = c.at.Add(time.Millisecond)
	}
	c.post(event{outgoing: outgoing{typ: "status"}}) // the end of the cell: all goes at once
	for _, s := range c.sent() {
		messages++
		text += strings.Count(s, "line")
	}
	if text != 10_000 || messages < 90 || messages > 10*10+burst+3 {
		t.Errorf("%d lines in %d messages", text, messages)
	}
}

// TestOutboxFirstTextIsPrompt: what is printed after silence waits a moment only, whatever was printed before.
func TestOutboxFirstTextIsPrompt(t *testing.T) {
	c := newClock()
	for range 3 {
		for range 5 * burst {
			c.write("stdout", nil, "x")
			c.at = c.at.Add(flushEvery)
			c.sent()
		}
		c.at = c.at.Add(burst * pace)
		c.sent()
		c.write("stdout", nil, "y")
		if s := c.sent(); s != nil {
			t.Errorf("sent at once: %q", s)
		}
		c.at = c.at.Add(flushEvery)
		if s := c.sent(); len(s) != 1 {
			t.Errorf("sent after %s: %q", flushEvery, s)
		}
	}
}

// TestOutboxOrderWithoutFlood: some pieces of both streams keep their order.
func TestOutboxOrderWithoutFlood(t *testing.T) {
	c := newClock()
	want := ""
	for i := range crumbs / 2 {
		c.write("stdout", nil, fmt.Sprint("o", i))
		c.write("stderr", nil, fmt.Sprint("e", i))
		want += fmt.Sprintf("stream map[name:stdout text:o%d]stream map[name:stderr text:e%d]", i, i)
	}
	c.post(event{outgoing: outgoing{typ: "status"}})
	if got := strings.Join(c.sent(), ""); got != want+"status <nil>" {
		t.Errorf("got %s", got)
	}
}

func update(id string, content any) event {
	return event{outgoing: outgoing{typ: "update_display_data", content: content}, display: id, size: 10}
}

// TestOutboxMergesUpdates: of one display's updates that wait only the last is sent, in the place of the first.
func TestOutboxMergesUpdates(t *testing.T) {
	c := newClock()
	c.post(update("a", 1))
	c.post(update("b", 1))
	c.write("stdout", nil, "x")
	c.post(update("a", 2))
	c.post(event{outgoing: outgoing{typ: "clear_output"}})
	c.post(update("a", 3))
	c.post(update("a", 4))
	other := update("a", 5)
	other.parent = json.RawMessage("another cell")
	c.post(other)
	got := strings.Join(c.sent(), ", ")
	want := "update_display_data 2, update_display_data 1, stream map[name:stdout text:x], clear_output <nil>, update_display_data 4, update_display_data 5"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.bytes != 0 || c.prompt != 0 {
		t.Errorf("%d bytes and %d prompt events are said to wait", c.bytes, c.prompt)
	}
}

func TestOutboxPacesUpdates(t *testing.T) {
	c := newClock()
	messages, last := 0, ""
	for i := range 10_000 { // ten seconds of a progress bar
		c.post(update("bar", i))
		for _, s := range c.sent() {
			messages++
			last = s
		}
		c.at = c.at.Add(time.Millisecond)
	}
	c.at = c.at.Add(pace)
	for _, s := range c.sent() {
		messages++
		last = s
	}
	if last != "update_display_data 9999" || messages < 90 || messages > 10*10+burst+3 {
		t.Errorf("%d messages, the last %q", messages, last)
	}
}

// TestOutboxRoom: what shows more waits while too much waits to be sent, and not for ever.
func TestOutboxRoom(t *testing.T) {
	c := newClock()
	chunk := strings.Repeat("x", flushSize)
	for range maxQueued / flushSize {
		c.room()
		c.write("stdout", nil, chunk)
	}
	c.write("stdout", nil, "x") // full now
	waited := make(chan struct{})
	go func() {
		c.room()
		close(waited)
	}()
	for {
		select {
		case <-waited:
		default:
			c.mu.Lock()
			full := c.bytes > maxQueued
			c.mu.Unlock()
			if full {
				c.next()
				c.at = c.at.Add(pace)
			}
			continue
		}
		break
	}
	for range maxQueued/flushSize + 1 {
		c.write("stdout", nil, chunk)
	}
	c.room() // returns without anything being sent
	done := make(chan struct{})
	close(done)
	c.run(done)
	for range 1000 { // closed: returns at once
		c.room()
		c.write("stdout", nil, chunk)
	}
	if len(c.queue) != 0 {
		t.Errorf("%d events wait in a closed outbox", len(c.queue))
	}
}

// TestOutboxKeepsWithinTheServersLimits: Jupyter's server, as jupyter_server's ZMQChannelsWebsocketConnection counts, has no
// reason to drop anything, whatever cells print and display; and all of it is sent in the end.
func TestOutboxKeepsWithinTheServersLimits(t *testing.T) {
	floods := map[string]func(c *clock, i int){
		"lines":    func(c *clock, _ int) { c.write("stdout", nil, strings.Repeat("line\n", 4000)) },
		"newlines": func(c *clock, _ int) { c.write("stdout", nil, strings.Repeat("\n", 20_000)) },
		"binary":   func(c *clock, _ int) { c.write("stderr", nil, strings.Repeat("\x00\x1b\u2028\x7f", 5000)) },
		"quotes":   func(c *clock, _ int) { c.write("stdout", nil, strings.Repeat(`"`, 20_000)) },
		"big":      func(c *clock, _ int) { c.write("stdout", nil, strings.Repeat("x", 50_000)) },
		"displays": func(c *clock, _ int) {
			for range 12 {
				c.post(event{outgoing: outgoing{typ: "display_data"}, size: 10})
			}
		},
		"both": func(c *clock, i int) { c.write([]string{"stdout", "stderr"}[i%2], nil, strings.Repeat("y\n", 5000)) },
		"interleaved": func(c *clock, _ int) {
			c.write("stdout", nil, "x\n")
			c.post(event{outgoing: outgoing{typ: "display_data"}})
		},
	}
	for name, flood := range floods {
		c := newClock()
		type sent struct {
			at    time.Time
			bytes int
		}
		var window []sent
		bytes, sentText, sentOthers := 0, 0, 0
		take := func() {
			for {
				e, _, ok := c.next()
				if !ok {
					return
				}
				if e.typ == "status" {
					if e.content.(object)["execution_state"] == "idle" {
						window, bytes = nil, 0
					}
					continue
				}
				for len(window) > 0 && c.at.Sub(window[0].at) >= 3*time.Second {
					bytes -= window[0].bytes
					window = window[1:]
				}
				s := sent{at: c.at}
				if e.text != nil {
					raw, err := json.Marshal(e.content)
					if err != nil {
						t.Fatal(err)
					}
					s.bytes = len(raw) + 800 // with its headers
					sentText += e.text.Len()
				} else {
					sentOthers++
				}
				window, bytes = append(window, s), bytes+s.bytes
				if bytes > 3_000_000 || len(window) > 3000 {
					t.Fatalf("%s: %d messages and %d bytes in three seconds", name, len(window), bytes)
				}
			}
		}
		for cell := range 3 {
			for i := range 400 {
				flood(c, i)
				take()
				c.at = c.at.Add(2 * time.Millisecond)
			}
			for _, state := range []string{"idle", "busy"} {
				c.post(event{outgoing: outgoing{typ: "status", content: object{"execution_state": state}}})
			}
			if cell == 1 { // there is time between two cells
				c.at = c.at.Add(time.Second)
			}
		}
		for i := 0; len(c.queue) > 0; i++ {
			if i > 1_000_000 {
				t.Fatalf("%s: nothing is sent any more", name)
			}
			take()
			c.at = c.at.Add(10 * time.Millisecond)
		}
		if c.bytes != 0 || c.prompt != 0 || sentText+sentOthers < 1200 {
			t.Errorf("%s: %d bytes and %d events are left; sent %d bytes and %d others", name, c.bytes, c.prompt, sentText, sentOthers)
		}
	}
}
