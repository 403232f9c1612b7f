package jupyter_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
)

// newLines returns the lines that the log got since the last call.
func newLines(k *kernel, seen *int) []string {
	all := k.log.lines()
	if len(all) == 1 && all[0] == "" {
		all = nil
	}
	lines := all[*seen:]
	*seen = len(all)
	return lines
}

func TestUnsignedAndMalformedMessagesAreDropped(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	replayed := func() [][]byte {
		_, frames := k.Frames("kernel_info_request", object{})
		k.SendFrames("shell", frames...)
		return frames
	}()
	n := 0
	fresh := func() string { // metadata that makes a message a new one
		n++
		return fmt.Sprintf(`{"n":%d}`, n)
	}
	seen := 0
	for _, test := range []struct {
		name   string
		reason string // in the log
		spoil  func(frames [][]byte) [][]byte
	}{
		{"forged content", "wrong signature", func(f [][]byte) [][]byte {
			f[5] = []byte(`{"code":"evil"}`)
			return f
		}},
		{"forged signature", "wrong signature", func(f [][]byte) [][]byte {
			f[1] = bytes.Repeat([]byte("0"), 64)
			return f
		}},
		{"no signature", "malformed signature", func(f [][]byte) [][]byte {
			f[1] = nil
			return f
		}},
		{"half a signature", "malformed signature", func(f [][]byte) [][]byte {
			f[1] = f[1][:32]
			return f
		}},
		{"long signature", "malformed signature", func(f [][]byte) [][]byte {
			f[1] = append(f[1], f[1]...)
			return f
		}},
		{"replay", "replayed", func([][]byte) [][]byte { return replayed }},
		{"no delimiter", "no delimiter", func(f [][]byte) [][]byte { return f[1:] }},
		{"one empty frame", "no delimiter", func([][]byte) [][]byte { return [][]byte{{}} }},
		{"delimiter alone", "truncated", func(f [][]byte) [][]byte { return f[:1] }},
		{"no content", "truncated", func(f [][]byte) [][]byte { return f[:5] }},
		{"half a header", "wrong signature", func(f [][]byte) [][]byte {
			f[2] = f[2][:len(f[2])/2]
			return f
		}},
		{"header is a list", "header is not a JSON object", func([][]byte) [][]byte { return k.Signed("[]", "{}", fresh(), "{}") }},
		{"header with numbers", "header", func([][]byte) [][]byte { return k.Signed(`{"msg_id":1}`, "{}", fresh(), "{}") }},
		{"empty header", "no msg_id", func([][]byte) [][]byte { return k.Signed("{}", "{}", fresh(), "{}") }},
		{"content is not JSON", "content is not a JSON object", func(f [][]byte) [][]byte {
			return k.Signed(string(f[2]), "{}", "{}", "{\xff")
		}},
		{"unknown type", "unknown type", func([][]byte) [][]byte {
			return k.Signed(`{"msg_id":"1","msg_type":"make_coffee"}`, "{}", fresh(), "{}")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, channel := range []string{"shell", "control"} {
				newLines(k, &seen)
				_, frames := k.Frames("execute_request", jupytertest.ExecuteContent("print evil"))
				k.SendFrames(channel, test.spoil(frames)...)
				// The next message is answered, and as messages are read in order, the bad one was read.
				reply, outputs := k.Request(channel, "kernel_info_request", object{})
				expect(t, "next message", reply.Text("status"), "ok")
				expect(t, "outputs of the next message", len(outputs), 0)
				lines := newLines(k, &seen)
				if len(lines) != 1 || !strings.Contains(lines[0], test.reason) || !strings.Contains(lines[0], "channel="+channel) {
					t.Errorf("log has %q, want one line with %q for %s", lines, test.reason, channel)
				}
			}
		})
	}
	// Nothing was said of any of them: of what is left, all belongs to the message that was sent twice.
	k.Execute("print on")
	for _, channel := range []string{"shell", "control", "iopub"} {
		for _, m := range k.Pending(channel) {
			var header struct {
				ID string `json:"msg_id"`
			}
			json.Unmarshal(replayed[2], &header)
			if m.ParentID != header.ID {
				t.Errorf("said on %s: %s %v", channel, m.Type, m.Content)
			}
		}
	}
}

// TestBrokenConnections speaks ZeroMQ's protocol badly, below all messages and before any signature.
func TestBrokenConnections(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	conn, err := jupyter.ReadConnection(k.file)
	if err != nil {
		t.Fatal(err)
	}
	greeting := greeting()
	command := zmtpCommand
	ready := zmtpReady
	huge := func(flags byte, size uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{flags}, size)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	// A silent connection, which is not to stop others.
	for _, port := range []int{conn.ShellPort, conn.IOPubPort, conn.HeartbeatPort} {
		network, address := conn.Address(port)
		c, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for name, data := range map[string][]byte{
		"not ZeroMQ":                    []byte("GET / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 64)),
		"greeting cut short":            greeting[:20],
		"property cut short":            join(greeting, command("\x05READY\x0bSocket")),
		"property that lies":            join(greeting, command("\x05READY\x0bSocket-Type\xff\xff\xff\xff")),
		"command that lies":             join(greeting, command("\xffREADY")),
		"empty command":                 join(greeting, []byte{4, 0}),
		"wrong socket type":             join(greeting, ready("PUSH")),
		"handshake of exabytes":         join(greeting, huge(6, 1<<62)),
		"frame of exabytes":             join(greeting, ready("DEALER"), huge(2, 1<<62)),
		"frame beyond 63 bits":          join(greeting, ready("DEALER"), huge(2, 1<<63+1)),
		"frame of half a terabyte":      join(greeting, ready("DEALER"), huge(2, 1<<39)),
		"message of endless frames":     join(greeting, ready("DEALER"), bytes.Repeat([]byte{1, 0}, 5000)),
		"subscription of exabytes":      join(greeting, ready("SUB"), huge(2, 1<<62)),
		"request with a frame cut off":  join(greeting, ready("REQ"), []byte{0, 200, 1, 2, 3}),
		"command after the handshake":   join(greeting, ready("DEALER"), command("\x04PING\x00\x00")),
		"bad command after handshake":   join(greeting, ready("SUB"), []byte{4, 1, 200}),
		"frames that mean no subscript": join(greeting, ready("SUB"), []byte{0, 0, 0, 1, 9}),
	} {
		t.Run(name, func(t *testing.T) {
			for _, port := range []int{conn.ShellPort, conn.ControlPort, conn.IOPubPort, conn.StdinPort, conn.HeartbeatPort} {
				network, address := conn.Address(port)
				c, err := net.Dial(network, address)
				if err != nil {
					t.Fatal(err)
				}
				c.Write(data)
				c.(*net.UnixConn).CloseWrite()
				buf := make([]byte, 4096)
				for err == nil { // until the kernel hangs up
					_, err = c.Read(buf)
				}
				c.Close()
			}
			reply, _ := k.Execute("print on")
			expect(t, "the kernel", reply.Text("status"), "ok")
			expect(t, "heartbeat", k.Heartbeat("ping"), "ping")
		})
	}
}

// TestVanishedClient: a client goes away while its cell runs.
func TestVanishedClient(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	t.Run("vanished", func(t *testing.T) {
		other := jupytertest.Dial(t, k.file)
		other.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a"))
		<-k.engine.Waiting("a")
	})
	k.engine.Release("a")
	reply, _ := k.Execute("print on")
	expect(t, "after a client vanished", reply.Text("status"), "ok")
}

// greeting, zmtpCommand, zmtpReady, handshake and frame are ZMTP 3.0 (rfc.zeromq.org/spec/23) as bytes.
func greeting() []byte {
	b := make([]byte, 64)
	b[0], b[9], b[10] = 0xff, 0x7f, 3
	copy(b[12:], "NULL")
	return b
}

func zmtpCommand(body string) []byte { return append([]byte{4, byte(len(body))}, body...) }

func zmtpReady(kind string) []byte {
	return zmtpCommand("\x05READY\x0bSocket-Type\x00\x00\x00" + string(rune(len(kind))) + kind)
}

func handshake(kind string) []byte { return append(greeting(), zmtpReady(kind)...) }

func frame(more bool, body []byte) []byte {
	flags := byte(2)
	if more {
		flags = 3
	}
	return append(binary.BigEndian.AppendUint64([]byte{flags}, uint64(len(body))), body...)
}
