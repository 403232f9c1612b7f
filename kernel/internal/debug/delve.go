package debug

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// delve is a running Delve, to which requests of the Debug Adapter Protocol go. Its methods may be called from any goroutine.
type delve struct {
	cmd   *exec.Cmd
	conn  net.Conn
	event func(event) // called one after the other
	gone  chan struct{}

	write sync.Mutex // one message at a time

	mu      sync.Mutex
	seq     int
	waiting map[int]chan response
}

// response is what Delve answers.
type response struct {
	RequestSeq int             `json:"request_seq"`
	Success    bool            `json:"success"`
	Message    string          `json:"message"`
	Body       json.RawMessage `json:"body"`
}

// event is what Delve tells unasked.
type event struct {
	Event string          `json:"event"`
	Body  json.RawMessage `json:"body"`
}

// startAfter is how long Delve has to begin.
const startAfter = 20 * time.Second

var errGone = errors.New("the debugger's process has ended")

// startDelve starts a Delve that speaks with us alone, through a socket in dir, which is private. Nothing is debugged yet.
func startDelve(ctx context.Context, program, dir string, attr *syscall.SysProcAttr, log func(string, ...any), on func(event)) (*delve, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("the debugger, Delve, is not at %s; `go run ./install lab --setup-only` in GoLab's folder installs it", program)
	}
	if err := writeConfig(dir); err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "delve")
	os.Remove(socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	cmd := exec.Command(program, "dap", "--client-addr=unix:"+socket, "--check-go-version=false")
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "DEBUGINFOD_URLS=")
	cmd.SysProcAttr = attr
	out := &logged{log: log}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the debugger, Delve, does not start: %w", err)
	}
	d := &delve{cmd: cmd, event: on, gone: make(chan struct{}), waiting: map[int]chan response{}}
	go func() {
		cmd.Wait()
		close(d.gone)
		l.Close()
	}()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	l.(*net.UnixListener).SetDeadline(time.Now().Add(startAfter))
	if d.conn, err = l.Accept(); err != nil {
		d.kill()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("the debugger, Delve, does not answer: %w", err)
	}
	go d.read()
	go func() {
		<-d.gone
		d.conn.Close()
	}()
	return d, nil
}

// logged gives lines that Delve prints to the kernel's log.
type logged struct{ log func(string, ...any) }

func (l *logged) Write(b []byte) (int, error) {
	if text := strings.TrimSpace(string(b)); text != "" {
		l.log("delve: %s", text)
	}
	return len(b), nil
}

// pid is Delve's process.
func (d *delve) pid() int { return d.cmd.Process.Pid }

// kill ends Delve at once. What it stopped goes on.
func (d *delve) kill() {
	d.cmd.Process.Kill()
	<-d.gone
}

// request sends a request and waits for its answer. An answer that tells of a failure is an error.
func (d *delve) request(ctx context.Context, command string, args any) (json.RawMessage, error) {
	d.mu.Lock()
	d.seq++
	seq := d.seq
	answer := make(chan response, 1)
	d.waiting[seq] = answer
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.waiting, seq)
		d.mu.Unlock()
	}()
	if args == nil {
		args = struct{}{}
	}
	b, err := json.Marshal(map[string]any{"seq": seq, "type": "request", "command": command, "arguments": args})
	if err != nil {
		return nil, err
	}
	d.write.Lock()
	_, err = fmt.Fprintf(d.conn, "Content-Length: %d\r\n\r\n%s", len(b), b)
	d.write.Unlock()
	if err != nil {
		return nil, errGone
	}
	select {
	case r := <-answer:
		if !r.Success {
			return r.Body, errors.New(r.why())
		}
		return r.Body, nil
	case <-d.gone:
		return nil, errGone
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// why is the text of a failure.
func (r response) why() string {
	var body struct{ Error struct{ Format string } }
	json.Unmarshal(r.Body, &body)
	if f := body.Error.Format; f != "" {
		if _, detail, ok := strings.Cut(f, ": "); ok && strings.HasPrefix(f, "Unable to ") {
			return detail // what was asked for is known
		}
		return f
	}
	return r.Message
}

// read takes what Delve says until it ends.
func (d *delve) read() {
	events := make(chan event, 1024) // handling one may need answers
	defer close(events)
	go func() {
		for e := range events {
			d.event(e)
		}
	}()
	in := bufio.NewReader(d.conn)
	for {
		b, err := readMessage(in)
		if err != nil {
			d.cmd.Process.Kill()
			return
		}
		var head struct{ Type string }
		if json.Unmarshal(b, &head) != nil {
			continue
		}
		switch head.Type {
		case "response":
			var r response
			if json.Unmarshal(b, &r) == nil {
				d.mu.Lock()
				if c := d.waiting[r.RequestSeq]; c != nil {
					c <- r
					delete(d.waiting, r.RequestSeq)
				}
				d.mu.Unlock()
			}
		case "event":
			var e event
			if json.Unmarshal(b, &e) == nil {
				events <- e
			}
		}
	}
}

// readMessage reads one message with its header.
func readMessage(in *bufio.Reader) ([]byte, error) {
	length := -1
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			if _, err := fmt.Sscan(value, &length); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, errors.New("a message without length")
	}
	b := make([]byte, length)
	_, err := io.ReadFull(in, b)
	return b, err
}
