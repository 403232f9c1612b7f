package jupyter

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
)

// signed is a message as a client that knows the key would send it.
func signed(c *codec, parts ...string) [][]byte {
	var raw [][]byte
	for _, p := range parts {
		raw = append(raw, []byte(p))
	}
	return append([][]byte{[]byte("peer"), []byte(delimiter), []byte(hex.EncodeToString(c.sum(raw)))}, raw...)
}

// FuzzDecode looks for frames that make the decoder panic or accept what it must not.
func FuzzDecode(f *testing.F) {
	add := func(frames [][]byte) { f.Add(bytes.Join(frames, []byte("\n"))) }
	c := newCodec("key")
	good := signed(c, `{"msg_id":"1","msg_type":"kernel_info_request"}`, "{}", "{}", "{}")
	add(good)
	for i := range good {
		add(good[:i])
		add(good[i:])
	}
	add(signed(c, "[]", "{}", "{}", "{}"))
	add(signed(c, `{"msg_id":1}`, "{}", "{}", "{}"))
	add([][]byte{[]byte(delimiter), []byte(strings.Repeat("f", 1000)), {}, {}, {}, {}})
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := bytes.Split(data, []byte("\n"))
		for _, key := range []string{"", "key"} {
			c := newCodec(key)
			m, err := c.decode(frames)
			if err != nil {
				continue
			}
			if m.header.ID == "" || m.header.Type == "" {
				t.Errorf("accepted a message without id or type: %q", frames)
			}
			if _, err := c.decode(frames); key != "" && err == nil {
				t.Errorf("accepted twice: %q", frames)
			}
		}
	})
}

// FuzzFrames looks for ZMTP streams that make a connection panic or announce more than they may.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 3, 1, 2, 3}, 2)
	f.Add([]byte{1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 9}, 1)
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 4)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		var whole, parts frameGuard
		first := whole.pass(stream)
		n := max(0, min(cut, len(stream)))
		second := parts.pass(stream[:n])
		if second == nil {
			second = parts.pass(stream[n:])
		}
		if (first == nil) != (second == nil) {
			t.Errorf("in one piece %v, in two %v", first, second)
		}
		if whole.body > messageSize || whole.total > messageSize {
			t.Errorf("accepted %d bytes", whole.body)
		}
	})
}

// TestSlowSubscriber: publishing waits for room at a subscriber that stopped reading, and goes on when it hangs up.
func TestSlowSubscriber(t *testing.T) {
	here, there := net.Pipe() // a pipe without a buffer: nothing is written unless somebody reads
	p := &peer{wire: newWire(here), topics: map[string]bool{"": true}}
	p.changed.L = &p.mu
	s := &socket{log: slog.New(slog.NewTextHandler(io.Discard, nil)), peers: map[*peer]int{p: 1}}
	frame := make([]byte, 1<<20)
	done := make(chan int)
	go func() {
		n := 0
		for range 100 {
			s.publish("stream", [][]byte{frame})
			n++
		}
		done <- n
	}()
	// It stops at the limit …
	p.mu.Lock()
	for p.bytes <= queueSize {
		p.changed.Wait()
	}
	if p.bytes > queueSize+2*len(frame) {
		t.Errorf("%d bytes are queued", p.bytes)
	}
	p.mu.Unlock()
	// … until the connection is cut.
	there.Close()
	p.close()
	if n := <-done; n != 100 {
		t.Errorf("published %d", n)
	}
	if p.send([][]byte{frame}) {
		t.Error("a closed peer takes messages")
	}
}

// TestReplyFollowsIdentity: a client that reconnected under its identity gets the reply to what it asked before.
func TestReplyFollowsIdentity(t *testing.T) {
	newPeer := func(id string) *peer {
		c, _ := net.Pipe()
		p := &peer{wire: newWire(c), id: id}
		p.changed.L = &p.mu
		return p
	}
	gone, back, other := newPeer("a"), newPeer("a"), newPeer("b")
	gone.close()
	s := &socket{peers: map[*peer]int{back: 1, other: 2}}
	s.reply(gone, [][]byte{[]byte("x")})
	if len(back.queue) != 1 || len(other.queue) != 0 {
		t.Errorf("queued %d for the client that came back and %d for another", len(back.queue), len(other.queue))
	}
}

func TestReplayMemoryIsBounded(t *testing.T) {
	c := newCodec("key")
	part := make([]byte, 8)
	for i := range 2*remembered + 10 {
		for j := range part {
			part[j] = byte(i >> (8 * j))
		}
		parts := [][]byte{part}
		signature := []byte(hex.EncodeToString(c.sum(parts)))
		if err := c.verify(signature, parts); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.seen) != remembered || len(c.recent) != remembered {
		t.Errorf("%d signatures remembered, want %d", len(c.seen), remembered)
	}
}
