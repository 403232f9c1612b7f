// Package jupyter speaks Jupyter's messaging protocol (5.5) for an engine.Engine.
//
// The server never waits for user code: requests are read at all times on all channels, cells wait in a queue of their
// own, and everything but execute_request is answered while a cell runs, on shell as on control. What cells show passes
// through an outbox that merges text, so that a flood of it slows the flood down to what clients read, and nothing else.
// docs/protocol.md says what was decided where the protocol leaves a choice.
//
// Nothing that arrives brings the server down: what is not signed with the key is dropped with a line in the log, a
// connection that breaks ZeroMQ's protocol is cut, and a request whose handling panics is answered with an error.
package jupyter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/history"
)

// lingerTime is how long the last replies may take to leave when the server ends.
const lingerTime = 2 * time.Second

// object is a JSON object.
type object = map[string]any

// server is one kernel, connected.
type server struct {
	conn  Connection
	eng   engine.Engine
	log   *slog.Logger
	codec *codec
	out   *outbox
	ctx   context.Context    // of Serve
	stop  context.CancelFunc // ends Serve

	shell, control, stdin, iopub, heartbeat *socket

	cells     cells
	history   *history.History
	questions questions
	debugging sequence
	usage     usageMeter
}

// Serve answers the clients of a connection file until one asks for shutdown, the process is told to end (SIGTERM, or the
// end of the process that started it, if that was Jupyter) or ctx is cancelled; these are no errors. SIGINT interrupts the
// running cell, as an interrupt_request does.
//
// The cells that are run are added to hist. Serve closes neither hist nor eng. A cell may still be running when it returns:
// closing eng ends that.
func Serve(ctx context.Context, connectionFile string, eng engine.Engine, hist *history.History, log *slog.Logger) error {
	conn, err := ReadConnection(connectionFile)
	if err != nil {
		return err
	}
	for _, warning := range conn.warnings(connectionFile) {
		log.Warn(warning)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &server{conn: conn, eng: eng, log: log, codec: newCodec(conn.Key), ctx: ctx, stop: stop, history: hist}
	s.out = newOutbox(s.publish)
	s.cells.init()
	s.questions.init(s)
	if err := s.bind(conn); err != nil {
		return err
	}
	eng.Attach(s.beforeCells())
	go s.out.run(ctx.Done())
	go s.runCells()
	go s.obeySignals(ctx)
	s.out.post(event{outgoing: outgoing{typ: "status", content: object{"execution_state": "starting"}}})
	<-ctx.Done()
	s.cells.close()
	s.close()
	return nil
}

// bind opens the five sockets, all or none.
func (s *server) bind(conn Connection) error {
	type channel struct {
		name    string
		port    int
		kind    zmq4.SocketType
		receive func(*peer, [][]byte)
		socket  **socket
		ln      net.Listener
	}
	channels := []*channel{
		{name: "heartbeat", port: conn.HeartbeatPort, kind: zmq4.Rep, receive: echo, socket: &s.heartbeat},
		{name: "iopub", port: conn.IOPubPort, kind: zmq4.XPub, receive: s.subscribe, socket: &s.iopub},
		{name: "stdin", port: conn.StdinPort, kind: zmq4.Router, receive: s.serveStdin, socket: &s.stdin},
		{name: "control", port: conn.ControlPort, kind: zmq4.Router, receive: s.serveControl, socket: &s.control},
		{name: "shell", port: conn.ShellPort, kind: zmq4.Router, receive: s.serveShell, socket: &s.shell},
	}
	for i, c := range channels {
		ln, err := conn.listen(c.port)
		if err != nil {
			for _, c := range channels[:i] {
				c.ln.Close()
			}
			return fmt.Errorf("cannot open the kernel's %s channel: %w", c.name, err)
		}
		c.ln = ln
	}
	// Nothing is received before all exist, so that handlers may use any of them.
	for _, c := range channels {
		*c.socket = newSocket(c.kind, c.ln, s.log.With("channel", c.name), c.receive)
	}
	s.stdin.changed = s.questions.route
	for _, c := range channels {
		go (*c.socket).accept()
	}
	return nil
}

// close lets what was said last arrive, and hangs up.
func (s *server) close() {
	var all sync.WaitGroup
	for _, socket := range []*socket{s.shell, s.control, s.stdin, s.heartbeat, s.iopub} {
		all.Go(func() { socket.close(lingerTime) })
	}
	all.Wait()
}

// echo answers the heartbeat.
func echo(p *peer, frames [][]byte) { p.send(frames) }

// subscribe takes the subscriptions of iopub and greets each, so that the client knows when it misses nothing more.
func (s *server) subscribe(p *peer, frames [][]byte) {
	if len(frames) != 1 || len(frames[0]) == 0 || frames[0][0] > 1 {
		return
	}
	topic := string(frames[0][1:])
	on := frames[0][0] == 1
	p.subscribe(topic, on)
	if !on {
		return
	}
	if frames, err := s.codec.encode(outgoing{typ: "iopub_welcome", content: object{"subscription": topic}}); err == nil {
		p.send(append([][]byte{[]byte(topic)}, frames...))
	}
}

// publish sends an event on iopub. Only the outbox calls it.
func (s *server) publish(e event) {
	frames, err := s.codec.encode(e.outgoing)
	if err != nil {
		s.log.Error("a message could not be encoded", "type", e.typ, "error", err)
		return
	}
	s.iopub.publish(e.typ, append([][]byte{[]byte(e.typ)}, frames...))
}

// request is a message with the way back.
type request struct {
	*message
	socket *socket
	peer   *peer
	came   time.Time
}

// handler answers one type of request.
type handler struct {
	answer  func(*server, *request) object // nil content: there is no reply
	slow    bool                           // takes a while, so others are not made to wait for it
	control bool                           // is for the control channel alone
}

// handlers are those of the requests that are answered by one function. execute_request and debug_request have queues.
var handlers = map[string]handler{
	"kernel_info_request":     {answer: (*server).kernelInfo},
	"connect_request":         {answer: (*server).connect},
	"history_request":         {answer: (*server).searchHistory, slow: true},
	"comm_info_request":       {answer: (*server).commInfo},
	"comm_open":               {answer: (*server).comm},
	"comm_msg":                {answer: (*server).comm},
	"comm_close":              {answer: (*server).comm},
	"is_complete_request":     {answer: (*server).isComplete, slow: true},
	"complete_request":        {answer: (*server).complete, slow: true},
	"inspect_request":         {answer: (*server).inspect, slow: true},
	"interrupt_request":       {answer: (*server).interrupt},
	"shutdown_request":        {answer: (*server).shutdown},
	"usage_request":           {answer: (*server).measureUsage, slow: true, control: true},
	"create_subshell_request": {answer: (*server).noSubshells, control: true},
	"delete_subshell_request": {answer: (*server).noSubshells, control: true},
	"list_subshell_request":   {answer: (*server).noSubshells, control: true},
}

func (s *server) serveShell(p *peer, frames [][]byte) {
	if req := s.accept(s.shell, p, frames); req != nil {
		s.dispatch(req)
	}
}

func (s *server) serveControl(p *peer, frames [][]byte) {
	if req := s.accept(s.control, p, frames); req != nil {
		s.dispatch(req)
	}
}

// serveStdin takes answers to questions of the kernel.
func (s *server) serveStdin(p *peer, frames [][]byte) {
	req := s.accept(s.stdin, p, frames)
	switch {
	case req == nil:
	case req.header.Type != "input_reply":
		req.socket.log.Warn("dropped a message", "reason", "its type is not input_reply but "+req.header.Type)
	default:
		s.questions.answer(req)
	}
}

// accept reads and checks a message; nil if it is not one of ours.
func (s *server) accept(socket *socket, p *peer, frames [][]byte) *request {
	m, err := s.codec.decode(frames)
	if err != nil {
		socket.log.Warn("dropped a message", "reason", err)
		return nil
	}
	return &request{message: m, socket: socket, peer: p, came: time.Now()}
}

func (s *server) dispatch(req *request) {
	h, ok := handlers[req.header.Type]
	misplaced := req.socket != s.control && (h.control || req.header.Type == "debug_request")
	switch typ := req.header.Type; {
	case typ == "execute_request" && req.header.Subshell == "":
		if s.cells.push(req) {
			s.handle(req, abort)
		}
	case typ == "debug_request" && !misplaced:
		s.pushDebug(req)
	case misplaced:
		req.socket.log.Warn("dropped a message", "reason", typ+" belongs on the control channel")
	case req.header.Subshell != "" && req.socket == s.shell:
		s.handle(req, handler{answer: (*server).unknownSubshell})
	case !ok:
		req.socket.log.Warn("dropped a message", "reason", "unknown type "+typ)
	case h.slow:
		go s.handle(req, h)
	default:
		s.handle(req, h)
	}
}

// handle answers req between the two status messages that belong to it.
func (s *server) handle(req *request, h handler) {
	s.busy(req)
	if content := s.guarded(req, h.answer); content != nil {
		s.reply(req, content)
	}
	s.idle(req)
	if req.header.Type == "shutdown_request" {
		s.end()
	}
}

// guarded calls answer; a panic becomes an error reply.
func (s *server) guarded(req *request, answer func(*server, *request) object) (content object) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("the kernel failed at a request", "type", req.header.Type, "panic", r, "stack", string(debug.Stack()))
			content = errorContent(&engine.Error{Name: "kernel error", Value: fmt.Sprint(r)})
		}
	}()
	return answer(s, req)
}

// reply answers req; the status "ok" is added where content has none.
func (s *server) reply(req *request, content object) {
	if _, ok := content["status"]; !ok {
		content["status"] = "ok"
	}
	if _, ok := content["execution_count"]; !ok && req.header.Type == "execute_request" && content["status"] == "error" {
		content["execution_count"] = s.count(false).shown // of a cell that was not run
	}
	s.respond(req, content)
}

// respond is reply with content that is sent as it is.
func (s *server) respond(req *request, content any) {
	typ, isRequest := strings.CutSuffix(req.header.Type, "_request")
	if !isRequest {
		return // such as comm_msg, which has no reply
	}
	m := outgoing{typ: typ + "_reply", parent: req.rawHeader, content: content}
	frames, err := s.codec.encode(m)
	if err != nil {
		s.log.Error("a reply could not be encoded", "type", m.typ, "error", err)
		m.content = errorContent(&engine.Error{Name: "kernel error", Value: "the reply could not be encoded: " + err.Error()})
		if frames, err = s.codec.encode(m); err != nil {
			return
		}
	}
	req.socket.reply(req.peer, append(append([][]byte{}, req.identities...), frames...))
}

func (s *server) post(req *request, typ string, content any) {
	s.out.post(event{outgoing: outgoing{typ: typ, parent: req.rawHeader, content: content}})
}

func (s *server) busy(req *request) {
	s.post(req, "status", object{"execution_state": "busy"})
}

// idle ends the answer to req. When a cell still runs, its state is said again: clients show the last one they heard.
func (s *server) idle(req *request) {
	s.cells.mu.Lock()
	defer s.cells.mu.Unlock()
	s.post(req, "status", object{"execution_state": "idle"})
	if running := s.cells.running; running != nil {
		s.busy(running)
	}
}

// end makes Serve return once all that was posted is sent.
func (s *server) end() {
	go func() {
		s.out.drain(lingerTime)
		s.stop()
	}()
}

// errorContent is the reply, and the message on iopub, that says err.
func errorContent(err *engine.Error) object {
	traceback := err.Traceback
	if traceback == nil {
		traceback = []string{err.Error()}
	}
	return object{"status": "error", "ename": err.Name, "evalue": err.Value, "traceback": traceback}
}

// badRequest is the answer to content that is not what the protocol says.
func badRequest(err error) object {
	return errorContent(&engine.Error{Name: "bad request", Value: err.Error()})
}

// parse reads the content of a request.
func parse[T any](req *request) (content T, err error) {
	err = json.Unmarshal(req.content, &content)
	return content, err
}
