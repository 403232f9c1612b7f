package jupyter

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// The kernel's sockets stand on zmq4's Conn, one connection with its handshake and frames, not on its sockets. Those, as of
// zmq4 v0.17.0, can stop or end a process that has to answer whatever happens:
//   - a peer that connects and stays silent stops the accept loop for everybody;
//   - PUB writes to its subscribers in turn under one lock, so that one which does not read stops all, and its queue grows
//     without end (or, with a high-water mark, drops any message, the status too); ROUTER writes likewise under one lock;
//   - a handshake cut short panics, a frame header that announces exabytes panics or exhausts the memory, both in
//     goroutines where nobody can recover, and both before any signature is checked;
//   - XPUB never delivers a subscription, which iopub_welcome needs.
const (
	handshakeTime = 10 * time.Second
	// writeTime is how long a peer may read nothing before its connection is cut; it may connect again.
	writeTime = 30 * time.Second
	// queueSize is how many bytes wait for one peer before publishing waits for it.
	queueSize = 32 << 20
	// messageSize and messageFrames bound what one message may make us hold.
	messageSize   = 256 << 20
	messageFrames = 4096
)

// socket is a bound ZeroMQ socket.
type socket struct {
	kind    zmq4.SocketType
	ln      net.Listener
	log     *slog.Logger
	receive func(*peer, [][]byte) // called in one goroutine a peer
	changed func()                // if not nil, called when a peer came or went

	mu     sync.Mutex
	peers  map[*peer]int // in the order of their coming
	came   int
	closed bool
}

// newSocket makes ln a socket whose messages go to receive, once accept is called.
func newSocket(kind zmq4.SocketType, ln net.Listener, log *slog.Logger, receive func(*peer, [][]byte)) *socket {
	return &socket{kind: kind, ln: ln, log: log, receive: receive, peers: map[*peer]int{}}
}

func (s *socket) accept() {
	for {
		c, err := s.ln.Accept()
		switch {
		case err == nil:
			go s.serve(c)
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files
			s.log.Warn("cannot accept a connection", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// serve reads one connection until it ends.
func (s *socket) serve(c net.Conn) {
	defer c.Close()
	defer func() {
		if r := recover(); r != nil {
			s.log.Warn("a connection was cut: it did not speak ZeroMQ's protocol", "reason", r)
		}
	}()
	w := newWire(c)
	c.SetReadDeadline(time.Now().Add(handshakeTime))
	conn, err := zmq4.Open(w, null.Security(), s.kind, nil, true, nil)
	if err != nil {
		s.log.Warn("a connection was refused", "reason", err)
		return
	}
	c.SetReadDeadline(time.Time{})
	p := &peer{conn: conn, wire: w, id: conn.Peer.Meta["Identity"], topics: map[string]bool{}}
	p.changed.L = &p.mu
	if !s.add(p) {
		return
	}
	defer s.remove(p)
	go p.write()
	for {
		msg, err := conn.RecvMsg()
		if err != nil {
			var bad protocolError
			if errors.As(err, &bad) {
				s.log.Warn("a connection was cut", "reason", bad)
			}
			return
		}
		if msg.Type == zmq4.UsrMsg {
			s.receive(p, msg.Frames)
		}
	}
}

func (s *socket) add(p *peer) bool {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.came++
		s.peers[p] = s.came
	}
	s.mu.Unlock()
	if s.changed != nil {
		s.changed()
	}
	return !closed
}

func (s *socket) remove(p *peer) {
	p.close()
	s.mu.Lock()
	delete(s.peers, p)
	s.mu.Unlock()
	if s.changed != nil {
		s.changed()
	}
}

// find returns the peer that has an identity, the last one if several have; nil if none has.
func (s *socket) find(id string) (last *peer) {
	if id == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, n := range s.peers {
		if p.id == id && (last == nil || n > s.peers[last]) {
			last = p
		}
	}
	return last
}

func (s *socket) all() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	return peers
}

// reply sends frames to p, or, when p is gone, to the peer that came back under its identity.
func (s *socket) reply(p *peer, frames [][]byte) {
	if p.send(frames) {
		return
	}
	if back := s.find(p.id); back != nil {
		back.send(frames)
	}
}

// publish sends frames to all who subscribed to topic, waiting for those who read slowly. It returns at once for those
// who do not subscribe, and for none.
func (s *socket) publish(topic string, frames [][]byte) {
	for _, p := range s.all() {
		if p.subscribed(topic) && p.room() {
			p.send(frames)
		}
	}
}

// close sends what is queued, for at most the given time, and ends all connections.
func (s *socket) close(linger time.Duration) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.ln.Close()
	for _, p := range s.all() {
		giveUp := time.AfterFunc(linger, p.close)
		p.flush()
		giveUp.Stop()
		p.close()
	}
}

// peer is one connection of a socket.
type peer struct {
	conn *zmq4.Conn
	wire *wire
	id   string // the routing identity that it chose, or ""

	mu      sync.Mutex
	changed sync.Cond // queue, bytes or closed did
	queue   [][][]byte
	bytes   int // queued or being written
	closed  bool
	topics  map[string]bool
}

// send queues frames and reports whether the connection was open. It never blocks.
func (p *peer) send(frames [][]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.queue = append(p.queue, frames)
	p.bytes += size(frames)
	p.changed.Broadcast()
	return true
}

// room waits until p's queue has room and reports whether p is still there.
func (p *peer) room() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.bytes > queueSize && !p.closed {
		p.changed.Wait()
	}
	return !p.closed
}

// flush waits until all is written or p closed.
func (p *peer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.bytes > 0 && !p.closed {
		p.changed.Wait()
	}
}

// write sends what is queued until p is closed.
func (p *peer) write() {
	defer p.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.queue) == 0 && !p.closed {
			p.changed.Wait()
		}
		if p.closed {
			return
		}
		frames := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		last := len(p.queue) == 0
		p.mu.Unlock()
		err := p.conn.SendMsg(zmq4.NewMsgFrom(frames...))
		if err == nil && last {
			err = p.wire.Flush()
		}
		p.mu.Lock()
		if err != nil {
			return
		}
		p.bytes -= size(frames)
		p.changed.Broadcast()
	}
}

// close ends the connection; what is still queued is lost.
func (p *peer) close() {
	p.wire.Conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.queue = nil
	p.changed.Broadcast()
}

func (p *peer) subscribe(topic string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.topics[topic] = true
	} else {
		delete(p.topics, topic)
	}
}

func (p *peer) subscribed(topic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.topics {
		if strings.HasPrefix(topic, t) {
			return true
		}
	}
	return false
}

func size(frames [][]byte) int {
	n := 64 // so that many empty messages count too
	for _, f := range frames {
		n += len(f)
	}
	return n
}
