// Package jupytertest talks to a kernel over real ZeroMQ sockets, as a Jupyter client does, and checks every message that
// it gets against the published messaging specification. It shares no code with the server but the connection file's type.
package jupytertest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/google/uuid"

	"golab/kernel/internal/jupyter"
)

// hang is how long a test waits for anything before it is taken to hang.
const hang = 2 * time.Minute

// ConnectionFile writes a connection file for Unix sockets in a folder of its own and returns its path.
func ConnectionFile(t testing.TB) string {
	t.Helper()
	// Not t.TempDir: its long names exceed what the address of a Unix socket may have.
	dir, err := os.MkdirTemp("", "jt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return writeConnection(t, jupyter.Connection{
		Transport: "ipc", IP: filepath.Join(dir, "k"),
		ShellPort: 1, ControlPort: 2, IOPubPort: 3, StdinPort: 4, HeartbeatPort: 5,
	})
}

// ConnectionFileTCP is like ConnectionFile with ports on the loopback interface that were free a moment ago.
func ConnectionFileTCP(t testing.TB) string {
	t.Helper()
	c := jupyter.Connection{Transport: "tcp", IP: "127.0.0.1"}
	for _, port := range []*int{&c.ShellPort, &c.ControlPort, &c.IOPubPort, &c.StdinPort, &c.HeartbeatPort} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return writeConnection(t, c)
}

func writeConnection(t testing.TB, c jupyter.Connection) string {
	t.Helper()
	c.Key = rand.Text()
	c.SignatureScheme = "hmac-sha256"
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kernel.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Message is one that arrived.
type Message struct {
	Channel  string // "shell", "control", "iopub" or "stdin"
	Type     string
	ID       string
	ParentID string // msg_id of the request that it belongs to, or ""
	Header   map[string]any
	Parent   map[string]any
	Metadata map[string]any
	Content  map[string]any
	Buffers  [][]byte
}

// Text is a string of the content, "" where there is none.
func (m Message) Text(key string) string {
	s, _ := m.Content[key].(string)
	return s
}

// Client is connected to one kernel. Its methods fail the test when the kernel says something invalid or nothing at all;
// they are for the goroutine of the test.
type Client struct {
	t       testing.TB
	conn    jupyter.Connection
	session string
	sockets map[string]zmq4.Socket // "shell", "control", "stdin", "hb"
	inboxes map[string]*inbox      // "shell", "control", "stdin", "iopub"

	mu   sync.Mutex
	seen map[string]bool // msg_ids that arrived
}

// Dial connects to the kernel of a connection file, which may still have to start, and returns when it answers and nothing
// that it says from now on is missed.
func Dial(t testing.TB, connectionFile string) *Client {
	t.Helper()
	conn, err := jupyter.ReadConnection(connectionFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{t: t, conn: conn, session: uuid.NewString(), sockets: map[string]zmq4.Socket{}, inboxes: map[string]*inbox{}, seen: map[string]bool{}}
	var readers sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		for _, s := range c.sockets {
			s.Close()
		}
		readers.Wait()
	})
	giveUp := time.AfterFunc(hang, cancel)
	defer giveUp.Stop()
	opts := []zmq4.Option{
		zmq4.WithID(zmq4.SocketIdentity(c.session)),
		zmq4.WithDialerMaxRetries(-1),
		zmq4.WithDialerRetry(10 * time.Millisecond),
		zmq4.WithLogger(log.New(io.Discard, "", 0)),
	}
	for name, channel := range map[string]struct {
		socket zmq4.Socket
		port   int
	}{
		"shell":   {zmq4.NewDealer(ctx, opts...), conn.ShellPort},
		"control": {zmq4.NewDealer(ctx, opts...), conn.ControlPort},
		"stdin":   {zmq4.NewDealer(ctx, opts...), conn.StdinPort},
		"iopub":   {zmq4.NewSub(ctx, opts...), conn.IOPubPort},
		"hb":      {zmq4.NewReq(ctx, opts...), conn.HeartbeatPort},
	} {
		c.sockets[name] = channel.socket
		if name == "iopub" {
			if err := channel.socket.SetOption(zmq4.OptionSubscribe, ""); err != nil {
				t.Fatal(err)
			}
		}
		network, address := conn.Address(channel.port)
		if network == "unix" {
			network = "ipc"
		}
		if err := channel.socket.Dial(network + "://" + address); err != nil {
			t.Fatalf("the kernel's %s channel: %v", name, err)
		}
		if name == "hb" {
			continue
		}
		box := newInbox()
		c.inboxes[name] = box
		readers.Go(func() { c.read(name, channel.socket, box) })
	}
	c.await("iopub", "iopub_welcome", func(m Message) bool { return m.Type == "iopub_welcome" })
	return c
}

// read moves messages from a socket to its inbox until it is closed.
func (c *Client) read(channel string, s zmq4.Socket, box *inbox) {
	for {
		msg, err := s.Recv()
		if err != nil {
			box.close()
			return
		}
		m, err := c.decode(msg.Frames)
		m.Channel = channel
		if err == nil {
			err = Validate(m)
		}
		if err == nil && c.known(m.ID) {
			err = fmt.Errorf("%s: msg_id %s was used before", m.Type, m.ID)
		}
		if err != nil {
			c.t.Errorf("invalid message from the kernel: %v", err)
			continue
		}
		box.put(m)
	}
}

// known remembers an id and reports whether it was known.
func (c *Client) known(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.seen[id]
	c.seen[id] = true
	return known
}

func (c *Client) decode(frames [][]byte) (Message, error) {
	var m Message
	i := slices.IndexFunc(frames, func(f []byte) bool { return string(f) == "<IDS|MSG>" })
	if i < 0 || len(frames) < i+6 {
		return m, fmt.Errorf("%d frames, delimiter at %d", len(frames), i)
	}
	parts := frames[i+2:]
	if want := c.sign(parts[:4]); string(frames[i+1]) != want {
		return m, fmt.Errorf("signature %q, want %q", frames[i+1], want)
	}
	for j, into := range []*map[string]any{&m.Header, &m.Parent, &m.Metadata, &m.Content} {
		if err := json.Unmarshal(parts[j], into); err != nil {
			return m, fmt.Errorf("part %d: %w: %s", j, err, parts[j])
		}
	}
	m.Buffers = parts[4:]
	m.Type, _ = m.Header["msg_type"].(string)
	m.ID, _ = m.Header["msg_id"].(string)
	m.ParentID, _ = m.Parent["msg_id"].(string)
	return m, nil
}

func (c *Client) sign(parts [][]byte) string {
	if c.conn.Key == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(c.conn.Key))
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Outgoing is a message to be sent, with all that one can have.
type Outgoing struct {
	Type     string
	Subshell string
	Parent   map[string]any // header of what it answers
	Metadata map[string]any
	Content  any
	Buffers  [][]byte
}

// Frames makes a signed message, for tests that spoil it before SendFrames.
func (c *Client) Frames(typ string, content any) (id string, frames [][]byte) {
	c.t.Helper()
	return c.frames(Outgoing{Type: typ, Content: content})
}

func (c *Client) frames(m Outgoing) (id string, frames [][]byte) {
	c.t.Helper()
	id = uuid.NewString()
	header := map[string]any{
		"msg_id": id, "session": c.session, "username": "test", "msg_type": m.Type, "version": "5.5",
		"date": time.Now().UTC().Format(time.RFC3339Nano), "subshell_id": nil,
	}
	if m.Subshell != "" {
		header["subshell_id"] = m.Subshell
	}
	if m.Parent == nil {
		m.Parent = map[string]any{}
	}
	if m.Metadata == nil {
		m.Metadata = map[string]any{}
	}
	var parts []string
	for _, part := range []any{header, m.Parent, m.Metadata, m.Content} {
		data, err := json.Marshal(part)
		if err != nil {
			c.t.Fatal(err)
		}
		parts = append(parts, string(data))
	}
	return id, append(c.Signed(parts[0], parts[1], parts[2], parts[3]), m.Buffers...)
}

// Signed makes a signed message of parts that may be anything.
func (c *Client) Signed(header, parent, metadata, content string) [][]byte {
	parts := [][]byte{[]byte(header), []byte(parent), []byte(metadata), []byte(content)}
	return append([][]byte{[]byte("<IDS|MSG>"), []byte(c.sign(parts))}, parts...)
}

// SendFrames sends frames as they are.
func (c *Client) SendFrames(channel string, frames ...[]byte) {
	c.t.Helper()
	if err := c.sockets[channel].SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
		c.t.Fatal(err)
	}
}

// Send sends a request on "shell" or "control" and returns its id.
func (c *Client) Send(channel, typ string, content any) string {
	c.t.Helper()
	id, frames := c.Frames(typ, content)
	c.SendFrames(channel, frames...)
	return id
}

// SendMessage sends a message on "shell", "control" or "stdin" and returns its id.
func (c *Client) SendMessage(channel string, m Outgoing) string {
	c.t.Helper()
	id, frames := c.frames(m)
	c.SendFrames(channel, frames...)
	return id
}

// Question waits for the next input_request of the request.
func (c *Client) Question(id string) Message {
	c.t.Helper()
	return c.await("stdin", "question of "+id, func(m Message) bool { return m.ParentID == id })
}

// Answer answers a question as JupyterLab does.
func (c *Client) Answer(question Message, value string) {
	c.t.Helper()
	c.SendMessage("stdin", Outgoing{Type: "input_reply", Parent: question.Header, Content: map[string]any{"status": "ok", "value": value}})
}

// Reply waits for the reply to a request.
func (c *Client) Reply(channel, id string) Message {
	c.t.Helper()
	return c.await(channel, "reply to "+id, func(m Message) bool { return m.ParentID == id })
}

// Next waits for the next message on iopub that belongs to the request.
func (c *Client) Next(id string) Message {
	c.t.Helper()
	return c.await("iopub", "message for "+id, func(m Message) bool { return m.ParentID == id })
}

// Outputs returns what iopub says of a request, from after "busy" until before "idle".
func (c *Client) Outputs(id string) []Message {
	c.t.Helper()
	if m := c.Next(id); m.Text("execution_state") != "busy" {
		c.t.Errorf("iopub begins with %s %v, want status busy", m.Type, m.Content)
	}
	var all []Message
	for {
		m := c.Next(id)
		switch {
		case m.Type != "status":
			all = append(all, m)
		case m.Text("execution_state") == "idle":
			return all
		}
	}
}

// Request sends a request on shell or control and returns its reply and what iopub said of it.
func (c *Client) Request(channel, typ string, content any) (Message, []Message) {
	c.t.Helper()
	id := c.Send(channel, typ, content)
	return c.Reply(channel, id), c.Outputs(id)
}

// Execute runs a cell and returns its reply and outputs.
func (c *Client) Execute(code string) (Message, []Message) {
	c.t.Helper()
	return c.Request("shell", "execute_request", ExecuteContent(code))
}

// ExecuteContent is what JupyterLab sends to run a cell.
func ExecuteContent(code string) map[string]any {
	return map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": true, "stop_on_error": true,
	}
}

// Heartbeat sends data on the heartbeat channel and returns what comes back.
func (c *Client) Heartbeat(data string) string {
	c.t.Helper()
	hb := c.sockets["hb"]
	if err := hb.Send(zmq4.NewMsgString(data)); err != nil {
		c.t.Fatal(err)
	}
	giveUp := time.AfterFunc(hang, func() { hb.Close() })
	defer giveUp.Stop()
	msg, err := hb.Recv()
	if err != nil {
		c.t.Fatalf("no heartbeat: %v", err)
	}
	return string(msg.Bytes())
}

// await takes the first message of an inbox that matches; those before it stay.
func (c *Client) await(channel, what string, match func(Message) bool) Message {
	c.t.Helper()
	m, err := c.inboxes[channel].take(match)
	if err != nil {
		c.t.Fatalf("waiting on %s for %s: %v", channel, what, err)
	}
	return m
}

// Pending returns the messages on a channel that nobody has taken yet.
func (c *Client) Pending(channel string) []Message {
	box := c.inboxes[channel]
	box.mu.Lock()
	defer box.mu.Unlock()
	return slices.Clone(box.messages)
}
