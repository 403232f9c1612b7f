package jupyter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/history"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
	"golab/kernel/nb"
)

// target is the testing.TB of a client that lives longer than one run of a fuzz target: what fails, fails the present one.
type target struct {
	*testing.F
	now atomic.Pointer[testing.T]
}

func (t *target) Helper() {}

func (t *target) Errorf(format string, args ...any) {
	if now := t.now.Load(); now != nil {
		now.Errorf(format, args...)
	} else {
		t.F.Errorf(format, args...)
	}
}

func (t *target) Fatalf(format string, args ...any) {
	if now := t.now.Load(); now != nil {
		now.Fatalf(format, args...)
	} else {
		t.F.Fatalf(format, args...)
	}
}

func (t *target) Fatal(args ...any) { t.Fatalf("%s", fmt.Sprint(args...)) }

// fuzzed is a kernel for fuzzing, with the address of its channels by name.
type fuzzed struct {
	*jupytertest.Client
	target *target
	conn   jupyter.Connection
	ports  map[string]int
}

func startFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	file := jupytertest.ConnectionFile(f)
	eng := &jupytertest.Engine{
		OnComm: func(nb.CommMessage) {},
		OnDebug: func(_ context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage {
			event(json.RawMessage(`{"type":"event","event":"output"}`))
			return response(request, nil)
		},
		Results: map[string]engine.Result{"": {Payload: []engine.Payload{{Source: "page"}}}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- jupyter.Serve(ctx, file, eng, history.InMemory(), slog.New(slog.DiscardHandler)) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
	conn, err := jupyter.ReadConnection(file)
	if err != nil {
		f.Fatal(err)
	}
	on := &target{F: f}
	k := &fuzzed{Client: jupytertest.Dial(on, file), target: on, conn: conn, ports: map[string]int{
		"shell": conn.ShellPort, "control": conn.ControlPort, "iopub": conn.IOPubPort, "stdin": conn.StdinPort, "hb": conn.HeartbeatPort,
	}}
	return k
}

// talk sends bytes on a new connection and reads until the kernel has nothing more to say and hangs up.
func (k *fuzzed) talk(t *testing.T, channel string, data []byte) {
	t.Helper()
	network, address := k.conn.Address(k.ports[channel])
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		c.Write(data)
		c.(*net.UnixConn).CloseWrite()
	}()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the kernel does not hang up")
	}
}

// checkHeap fails when the heap has grown beyond what a kernel that has done nothing may take.
func checkHeap(t *testing.T) {
	t.Helper()
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc < 300<<20 {
		return
	}
	runtime.GC()
	if runtime.ReadMemStats(&m); m.HeapAlloc > 100<<20 {
		t.Errorf("%d MB are in use", m.HeapAlloc>>20)
	}
}

// FuzzWire sends bytes to each kind of socket, before and after the handshake, and expects the kernel to go on.
func FuzzWire(f *testing.F) {
	k := startFuzzed(f)
	kinds := map[string]string{"shell": "DEALER", "control": "DEALER", "stdin": "DEALER", "iopub": "SUB", "hb": "REQ"}
	_, good := k.Frames("kernel_info_request", object{})
	var message []byte
	for i, part := range good {
		message = append(message, frame(i < len(good)-1, part)...)
	}
	for _, seed := range [][]byte{
		message, message[:len(message)/2], zmtpCommand("\x04PING\x00\x00hi"), zmtpCommand("\x05ERROR\x03abc"), {0, 1, 1}, {0, 0}, {4, 0}, {6, 0, 0, 0, 0, 0, 0, 0, 200},
		bytes.Repeat([]byte{1, 0}, 5000), {2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, zmtpCommand("\x09SUBSCRIBEstream"), zmtpCommand("\x06CANCELx"), {0, 2, 1, 's'},
	} {
		for channel := range byte(5) {
			f.Add(channel, true, seed)
		}
	}
	f.Add(byte(0), false, greeting())
	f.Add(byte(0), false, handshake("DEALER"))
	f.Add(byte(1), false, append(greeting(), zmtpCommand("\x05READY\x08Identity\xff\xff\xff\xff")...))
	names := []string{"shell", "control", "stdin", "iopub", "hb"}
	f.Fuzz(func(t *testing.T, which byte, shaken bool, data []byte) {
		k.target.now.Store(t)
		channel := names[int(which)%len(names)]
		if shaken {
			data = append(handshake(kinds[channel]), data...)
		}
		k.talk(t, channel, data)
		if k.Heartbeat("x") != "x" {
			t.Error("the heart stopped")
		}
		checkHeap(t)
	})
}

// FuzzRequest sends well-signed requests with any content, and expects of each what the protocol says: one reply if it is a
// request, between busy and idle, all of it valid.
func FuzzRequest(f *testing.F) {
	k := startFuzzed(f)
	types := []string{
		"kernel_info_request", "connect_request", "history_request", "comm_info_request", "comm_open", "comm_msg", "comm_close", "is_complete_request",
		"complete_request", "inspect_request", "interrupt_request", "execute_request", "debug_request", "usage_request", "create_subshell_request",
	}
	noReply := map[string]bool{"comm_open": true, "comm_msg": true, "comm_close": true, "create_subshell_request": true}
	for i := range types {
		for _, content := range []string{
			`{}`, `{"code":"p","cursor_pos":1,"detail_level":1}`, `{"code":"é𝛼","cursor_pos":-5}`, `{"code":"print x\nvalue y\nid x z\\nupdate x y\\nupdate  q\nend "}`, `{"code":7}`,
			`{"code":"value 1","user_expressions":{"a":"value 2","b":"fail"},"allow_stdin":true,"silent":true}`, `{"comm_id":"c","target_name":"t","data":{}}`,
			`{"hist_access_type":"range","session":-9,"start":-1,"stop":9}`, `{"hist_access_type":"search","pattern":"*[?","n":-2,"unique":true,"output":true}`,
			`{"hist_access_type":"tail","n":1e9}`, `{"type":"request","seq":1,"command":"disconnect"}`, `{"seq":1e99,"command":{}}`, `{"restart":null}`, `{"a":[[[[[]]]]]}`,
		} {
			f.Add(byte(i), content, `{}`, []byte("buffer"), "")
		}
	}
	f.Add(byte(0), `{}`, `{"a":1}`, []byte{}, "subshell")
	f.Fuzz(func(t *testing.T, which byte, content, metadata string, buffer []byte, subshell string) {
		k.target.now.Store(t)
		typ := types[int(which)%len(types)]
		if !isObject(content) || !isObject(metadata) || commands.MatchString(normal(content)) {
			t.Skip()
		}
		channel := "control"
		if subshell != "" {
			channel = "shell"
		}
		message := jupytertest.Outgoing{Type: typ, Subshell: subshell, Content: json.RawMessage(content), Metadata: object{}, Buffers: [][]byte{buffer}}
		json.Unmarshal([]byte(metadata), &message.Metadata)
		if channel == "shell" && (typ == "debug_request" || typ == "usage_request" || typ == "create_subshell_request") {
			k.SendMessage(channel, message) // misplaced: not answered
			k.Request(channel, "kernel_info_request", object{})
			return
		}
		id := k.SendMessage(channel, message)
		if !noReply[typ] {
			k.Reply(channel, id)
		}
		k.Outputs(id)
		k.Request(channel, "kernel_info_request", object{})
		for _, channel := range []string{"shell", "control", "stdin"} {
			if more := k.Pending(channel); len(more) > 0 {
				t.Fatalf("said beyond what was asked: %s %v", more[0].Type, more[0].Content)
			}
		}
		checkHeap(t)
	})
}

// commands are those of the tests' engine that wait, or show what is no MIME type.
var commands = regexp.MustCompile("wait|panic|ask|secret|call|show")

// normal is JSON without needless escapes.
func normal(text string) string {
	var v any
	json.Unmarshal([]byte(text), &v)
	raw, _ := json.Marshal(v)
	return string(raw)
}

// isObject reports whether text is a JSON object that the client can send.
func isObject(text string) bool {
	var m object
	return json.Unmarshal([]byte(text), &m) == nil && m != nil
}
