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
