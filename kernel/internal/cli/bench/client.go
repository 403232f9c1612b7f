package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/google/uuid"

	"golab/kernel/internal/jupyter"
)

// hang is how long a kernel may be silent before it is given up.
const hang = 3 * time.Minute

// client speaks to one kernel of any make as Jupyter does.
type client struct {
	conn    jupyter.Connection
	session string
	cancel  context.CancelFunc
	sockets map[string]zmq4.Socket // "shell", "control", "iopub"
	in      map[string]chan message
	readers sync.WaitGroup
}

// message is what is used of one.
type message struct {
	typ, parent string
	content     struct {
		Status         string         `json:"status"`
		Matches        []string       `json:"matches"`
		ExecutionState string         `json:"execution_state"`
		Name           string         `json:"ename"`
		Value          string         `json:"evalue"`
		Text           string         `json:"text"`
		Data           map[string]any `json:"data"`
	}
}

// dial connects to a kernel that may still have to start and returns when it answers kernel_info.
func dial(conn jupyter.Connection) (*client, error) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{conn: conn, session: uuid.NewString(), cancel: cancel, sockets: map[string]zmq4.Socket{}, in: map[string]chan message{}}
	giveUp := time.AfterFunc(hang, cancel)
	defer giveUp.Stop()
	opts := []zmq4.Option{
		zmq4.WithID(zmq4.SocketIdentity(c.session)),
		zmq4.WithDialerMaxRetries(-1),
		zmq4.WithDialerRetry(2 * time.Millisecond),
		zmq4.WithLogger(log.New(io.Discard, "", 0)),
	}
	for _, s := range []struct {
		name   string
		socket zmq4.Socket
		port   int
	}{
		{"shell", zmq4.NewDealer(ctx, opts...), conn.ShellPort},
		{"control", zmq4.NewDealer(ctx, opts...), conn.ControlPort},
		{"iopub", zmq4.NewSub(ctx, opts...), conn.IOPubPort},
	} {
		c.sockets[s.name] = s.socket
		if s.name == "iopub" {
			if err := s.socket.SetOption(zmq4.OptionSubscribe, ""); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
		network, address := conn.Address(s.port)
		if err := s.socket.Dial(strings.Replace(network, "unix", "ipc", 1) + "://" + address); err != nil {
			return nil, errors.Join(fmt.Errorf("connect to the %s channel: %w", s.name, err), c.close())
		}
		in := make(chan message, 1000)
		c.in[s.name] = in
		c.readers.Go(func() { c.read(s.socket, in) })
	}
	id, err := c.send("shell", "kernel_info_request", map[string]any{})
	if err == nil {
		_, err = c.await("shell", id, hang, func(message) bool { return true })
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// subscribed returns when what the kernel says on iopub arrives: a subscription is not confirmed by every kernel.
func (c *client) subscribed() error {
	for end := time.Now().Add(hang); ; {
		id, err := c.send("shell", "kernel_info_request", map[string]any{})
		if err != nil {
			return err
		}
		if _, err = c.await("shell", id, hang, func(message) bool { return true }); err != nil {
			return err
		}
		_, err = c.await("iopub", id, 20*time.Millisecond, idle)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func idle(m message) bool { return m.content.ExecutionState == "idle" }

func (c *client) close() error {
	c.cancel()
	for _, s := range c.sockets {
		s.Close()
	}
	c.readers.Wait()
	return nil
}

func (c *client) read(s zmq4.Socket, in chan message) {
	defer close(in)
	for {
		msg, err := s.Recv()
		if err != nil {
			return
		}
		i := slices.IndexFunc(msg.Frames, func(f []byte) bool { return string(f) == "<IDS|MSG>" })
		if i < 0 || len(msg.Frames) < i+6 {
			continue
		}
		var header struct {
			ID   string `json:"msg_id"`
			Type string `json:"msg_type"`
		}
		var m message
		json.Unmarshal(msg.Frames[i+2], &header)
		m.typ = header.Type
		header.ID = ""
		json.Unmarshal(msg.Frames[i+3], &header)
		m.parent = header.ID
		json.Unmarshal(msg.Frames[i+5], &m.content)
		in <- m
	}
}

func (c *client) send(channel, typ string, content any) (id string, err error) {
	id = uuid.NewString()
	header := map[string]any{
		"msg_id": id, "session": c.session, "username": "bench", "msg_type": typ, "version": "5.3",
		"date": time.Now().UTC().Format(time.RFC3339Nano),
	}
	mac := hmac.New(sha256.New, []byte(c.conn.Key))
	frames := [][]byte{[]byte("<IDS|MSG>"), nil}
	for _, part := range []any{header, map[string]any{}, map[string]any{}, content} {
		data, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		mac.Write(data)
		frames = append(frames, data)
	}
	frames[1] = []byte(hex.EncodeToString(mac.Sum(nil)))
	return id, c.sockets[channel].SendMulti(zmq4.NewMsgFrom(frames...))
}

// await returns the first message on a channel that belongs to a request and matches; those before it are dropped.
func (c *client) await(channel, id string, within time.Duration, match func(message) bool) (message, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		select {
		case m, ok := <-c.in[channel]:
			if !ok {
				return message{}, errors.New("the kernel hung up")
			}
			if m.parent == id && match(m) {
				return m, nil
			}
		case <-late.C:
			return message{}, fmt.Errorf("the kernel said nothing on %s for %s", channel, within)
		}
	}
}

// begin sends a cell.
func (c *client) begin(code string) (id string, err error) {
	return c.send("shell", "execute_request", map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": false, "stop_on_error": true,
	})
}

// end waits until the cell has been answered and the kernel is idle. What the cell showed as text is returned.
func (c *client) end(id string) (shown string, reply message, err error) {
	_, err = c.await("iopub", id, hang, func(m message) bool {
		shown += m.content.Text
		if text, ok := m.content.Data["text/plain"].(string); ok {
			shown += text
		}
		return idle(m)
	})
	if err == nil {
		reply, err = c.await("shell", id, hang, func(message) bool { return true })
	}
	return shown, reply, err
}

// execute runs a cell that has to succeed and says how long that took, from sending it to the status idle.
func (c *client) execute(code string) (shown string, took time.Duration, err error) {
	start := time.Now()
	id, err := c.begin(code)
	if err != nil {
		return "", 0, err
	}
	shown, reply, err := c.end(id)
	took = time.Since(start)
	if err == nil && reply.content.Status != "ok" {
		err = fmt.Errorf("cell %q failed: %s: %s %s", code, reply.content.Name, reply.content.Value, shown)
	}
	return shown, took, err
}

// complete asks what a name at the end of code may go on as and says how long the answer took.
func (c *client) complete(code string) (took time.Duration, err error) {
	start := time.Now()
	id, err := c.send("shell", "complete_request", map[string]any{"code": code, "cursor_pos": len(code)})
	if err != nil {
		return 0, err
	}
	reply, err := c.await("shell", id, hang, func(message) bool { return true })
	if err == nil && len(reply.content.Matches) == 0 {
		err = fmt.Errorf("%q was not completed", code)
	}
	return time.Since(start), err
}

// interrupt runs a cell that prints "go" and never ends, interrupts it when that arrives, and says how long it took from
// then to the status idle.
func (c *client) interrupt(code string) (took time.Duration, err error) {
	id, err := c.begin(code)
	if err != nil {
		return 0, err
	}
	printed := false
	_, err = c.await("iopub", id, hang, func(m message) bool {
		printed = strings.Contains(m.content.Text, "go")
		return printed || idle(m)
	})
	if err == nil && !printed {
		err = fmt.Errorf("cell %q ended by itself", code)
	}
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := c.send("control", "interrupt_request", map[string]any{}); err != nil {
		return 0, err
	}
	_, _, err = c.end(id)
	return time.Since(start), err
}

// connection is where a kernel in a folder of its own is to listen: the path must be short.
func connection(dir string) jupyter.Connection {
	return jupyter.Connection{
		Transport: "ipc", IP: filepath.Join(dir, "k"), Key: uuid.NewString(), SignatureScheme: "hmac-sha256",
		ShellPort: 1, ControlPort: 2, IOPubPort: 3, StdinPort: 4, HeartbeatPort: 5,
	}
}

// tcpConnection is the same over TCP, at ports that were free a moment ago.
func tcpConnection() (jupyter.Connection, error) {
	c := jupyter.Connection{Transport: "tcp", IP: "127.0.0.1", Key: uuid.NewString(), SignatureScheme: "hmac-sha256"}
	for _, port := range []*int{&c.ShellPort, &c.ControlPort, &c.IOPubPort, &c.StdinPort, &c.HeartbeatPort} {
		l, err := net.Listen("tcp", c.IP+":0")
		if err != nil {
			return c, err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return c, nil
}
