package jupyter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// wire is a network connection below zmq4's Conn. It gathers small writes, gives up on a peer that does not read, and
// looks at the frame headers that pass, so that no peer makes zmq4 allocate what was only announced.
type wire struct {
	net.Conn
	in *bufio.Reader

	mu  sync.Mutex // zmq4 answers pings from the reading goroutine
	out *bufio.Writer

	frames frameGuard
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	w.out = bufio.NewWriterSize(deadlineWriter{c}, 64<<10)
	w.frames.body = greetingSize
	return w
}

// Read sends what was written before, since the peer may be waiting for it, and reads.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.Flush(); err != nil {
		return 0, err
	}
	n, err := w.in.Read(p)
	if bad := w.frames.pass(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// Flush sends what was written.
func (w *wire) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Flush()
}

type deadlineWriter struct{ net.Conn }

func (d deadlineWriter) Write(p []byte) (int, error) {
	d.SetWriteDeadline(time.Now().Add(writeTime))
	return d.Conn.Write(p)
}

// protocolError is a violation of our limits on a ZMTP stream.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// Timeout and Temporary make it a net.Error, at which zmq4 closes the connection.
func (protocolError) Timeout() bool   { return false }
func (protocolError) Temporary() bool { return false }

// ZMTP 3 opens with a greeting of fixed size; frames follow: flags, size in 1 or 8 bytes, body.
const (
	greetingSize = 64
	flagMore     = 1
	flagLong     = 2
)

// frameGuard follows the frames of a ZMTP stream and finds the message that is too large before its body is read.
type frameGuard struct {
	body  uint64 // bytes until the next frame
	head  []byte // the part of a frame's header read so far
	total uint64 // bytes of this message's frames
	count int    // this message's frames
}

// pass takes the next bytes of the stream.
func (g *frameGuard) pass(b []byte) error {
	for len(b) > 0 {
		if g.body > 0 {
			n := min(g.body, uint64(len(b)))
			g.body -= n
			b = b[n:]
			continue
		}
		g.head = append(g.head, b[0])
		b = b[1:]
		var n uint64
		switch {
		case g.head[0]&flagLong != 0 && len(g.head) == 9:
			n = binary.BigEndian.Uint64(g.head[1:])
		case g.head[0]&flagLong == 0 && len(g.head) == 2:
			n = uint64(g.head[1])
		default:
			continue
		}
		if n > messageSize || g.total+n > messageSize || g.count+1 > messageFrames {
			return protocolError(fmt.Sprintf("a message of more than %d MB or %d frames", messageSize>>20, messageFrames))
		}
		g.body, g.total, g.count = n, g.total+n, g.count+1
		if g.head[0]&flagMore == 0 {
			g.total, g.count = 0, 0
		}
		g.head = g.head[:0]
	}
	return nil
}
