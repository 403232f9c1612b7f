package session

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/janpfeifer/gonb/gonbui/protocol"
	"golang.org/x/sys/unix"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// pump reads everything a worker writes in one loop, and so keeps its order: text that was printed before a display is
// read before it. It owns its files.
type pump struct {
	stdout, stderr *stream
	events, gonb   *source
	backFile       *os.File
	wakeR, wakeW   *os.File
	sink           func() engine.Sink
	listener
	words    lastWords
	comms    *comms
	captures captures
	gonbComm *gonbComm

	pending map[int]pipe.Event // read, mark not yet seen
	both    map[int]pipe.Event // captures whose mark has not been seen in standard error
	shown   map[string]bool    // display ids of gonbui
	dec     *gob.Decoder
}

// listener takes what the pump reads that is no output. Its functions don't wait.
type listener struct {
	done   func(pipe.Done)
	cut    func() // called once when the worker has closed its events
	input  func(pipe.Input)
	answer func(pipe.Answer)
	loaded func(pipe.Loaded)
	comm   func(nb.CommMessage) // takes what is for the worker
	// panicked shows a panic of a goroutine.
	panicked func(pipe.Panic, engine.Sink)
}

// source is a pipe read without waiting.
type source struct {
	f   *os.File
	fd  int
	buf []byte
	eof bool
}

// stream is standard output or error.
type stream struct {
	*source
	name   string
	routes []route // captures that have begun here, the latest last
	tail   []byte  // the start of a UTF-8 sequence
}

func newSource(f *os.File) (*source, error) {
	fd := int(f.Fd())
	return &source{f: f, fd: fd}, unix.SetNonblock(fd, true)
}

func newPump(stdout, stderr, events, gonb, back *os.File, sink func() engine.Sink, to listener, kernel string) (*pump, error) {
	p := &pump{sink: sink, listener: to, backFile: back, pending: map[int]pipe.Event{}, both: map[int]pipe.Event{}, shown: map[string]bool{},
		comms: &comms{open: map[string]string{}}, captures: captures{map[string]*captured{}, map[string]*captured{}}}
	var srcs [4]*source
	for i, f := range []*os.File{stdout, stderr, events, gonb} {
		var err error
		if srcs[i], err = newSource(f); err != nil {
			return nil, err
		}
	}
	p.stdout, p.stderr = &stream{source: srcs[0], name: "stdout"}, &stream{source: srcs[1], name: "stderr"}
	p.events, p.gonb = srcs[2], srcs[3]
	p.dec = gob.NewDecoder((*gobReader)(p))
	fd := int(back.Fd())
	err := unix.SetNonblock(fd, true)
	if err != nil {
		return nil, err
	}
	p.gonbComm = newGonbComm(sink, gob.NewEncoder(answers(fd)), kernel)
	p.wakeR, p.wakeW, err = os.Pipe()
	return p, err
}

// finish tells the loop that the worker has ended: it reads what is left and returns.
func (p *pump) finish() { p.wakeW.Close() }

func (p *pump) run() {
	defer func() {
		for _, f := range []*os.File{p.stdout.f, p.stderr.f, p.events.f, p.gonb.f, p.backFile, p.wakeR} {
			f.Close()
		}
	}()
	wake := int32(p.wakeR.Fd())
	for {
		fds := []unix.PollFd{{Fd: wake, Events: unix.POLLIN}}
		for _, s := range []*source{p.stdout.source, p.stderr.source, p.events, p.gonb} {
			if !s.eof {
				fds = append(fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
			}
		}
		timeout := -1
		if p.words.holding() {
			timeout = 100
		}
		if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
			return
		}
		more := p.pass()
		if p.words.overdue() {
			p.stderr.emit(p.to(p.stderr), p.words.release(), false)
		}
		if fds[0].Revents != 0 {
			// What cells started may still write: no more is read than the pipes can have held.
			for i := 0; more && i < maxPipe/chunk; i++ {
				more = p.pass()
			}
			p.flush()
			return
		}
	}
}

// pass takes what each pipe holds now, printed text first, and reports whether there was anything.
func (p *pump) pass() bool {
	out, errs := p.stdout.fill(), p.stderr.fill()
	if errs {
		p.deliverText(p.stderr)
	}
	open := !p.events.eof
	ev := p.events.fill()
	p.readEvents()
	if open && p.events.eof {
		p.cut()
	}
	if out {
		p.deliverText(p.stdout)
	}
	g := p.gonb.fill()
	for len(p.gonb.buf) > 0 {
		if !p.readGonb() {
			break
		}
	}
	return out || errs || ev || g
}

const (
	chunk    = 256 << 10
	maxPipe  = 2 << 20 // that a program without privileges can make a pipe hold, and some
	maxEvent = 1 << 30
)

// fill reads once, up to a limit, and reports whether there was anything.
func (s *source) fill() bool {
	if s.eof {
		return false
	}
	n := len(s.buf)
	s.buf = append(s.buf, make([]byte, chunk)...)
	m, err := unix.Read(s.fd, s.buf[n:])
	if m <= 0 {
		s.buf = s.buf[:n]
		if m == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR {
			s.eof = true
		}
		return false
	}
	s.buf = s.buf[:n+m]
	return true
}

// deliverText passes on what was printed and, at each mark, the event that belongs there.
func (p *pump) deliverText(s *stream) {
	for {
		text, seq, rest, ok := pipe.CutMark(s.buf)
		if s == p.stderr {
			text = p.words.hear(text)
		}
		s.emit(p.to(s), text, false)
		if !ok {
			s.buf = append(s.buf[:0], rest...)
			return
		}
		if s == p.stdout {
			p.deliver(seq)
		} else if seq != 0 {
			p.redirect(seq)
		}
		s.buf = append(s.buf[:0], rest...)
	}
}

// emit sends text, keeping back an incomplete UTF-8 sequence unless it is the last.
func (s *stream) emit(sink engine.Sink, text []byte, last bool) {
	if len(s.tail) > 0 {
		text = append(s.tail, text...)
		s.tail = nil
	}
	if !last {
		for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
			c := text[len(text)-i]
			if utf8.RuneStart(c) {
				if c >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-i:]) {
					s.tail = append([]byte(nil), text[len(text)-i:]...)
					text = text[:len(text)-i]
				}
				break
			}
		}
	}
	if len(text) > 0 {
		sink.Stream(s.name, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// deliver hands on event seq, which was sent before its mark was printed.
func (p *pump) deliver(seq int) {
	for {
		if e, ok := p.pending[seq]; ok {
			delete(p.pending, seq)
			p.handle(e)
			return
		}
		if !p.wait(p.events) {
			return // a forged mark, or a dead worker
		}
		p.readEvents()
	}
}

// redirect is deliver for a mark in standard error, where there are only those of captures.
func (p *pump) redirect(seq int) {
	for {
		e, ok := p.pending[seq]
		if !ok {
			e, ok = p.both[seq]
		}
		if ok && e.Capture != nil {
			if _, seen := p.both[seq]; seen {
				delete(p.both, seq)
			} else {
				p.both[seq] = e
			}
			p.capture(p.stderr, seq, e.Capture)
			return
		}
		if ok || !p.wait(p.events) {
			return
		}
		p.readEvents()
	}
}

// wait reads more of s, waiting for it a while.
func (p *pump) wait(s *source) bool {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 1000)
	if err == unix.EINTR {
		return true
	}
	return n > 0 && s.fill()
}

func (p *pump) readEvents() {
	for {
		i := bytes.IndexByte(p.events.buf, '\n')
		if i < 0 {
			if len(p.events.buf) > maxEvent { // a cell writes there
				p.events.buf = nil
			}
			return
		}
		var e pipe.Event
		err := json.Unmarshal(p.events.buf[:i], &e)
		p.events.buf = append(p.events.buf[:0], p.events.buf[i+1:]...)
		switch {
		case err != nil:
		case e.Answer != nil:
			p.answer(*e.Answer)
		default:
			p.pending[e.Seq] = e
		}
	}
}

func (p *pump) handle(e pipe.Event) {
	switch {
	case e.Display != nil:
		p.display(*e.Display)
	case e.Result != nil:
		if text, ok := e.Result["text/plain"].(string); ok {
			e.Result["text/plain"] = cell.PlainPaths(text)
		}
		p.sink().Result(e.Result)
	case e.Clear != nil:
		p.to(p.stdout).Clear(e.Clear.Wait)
	case e.Comm != nil:
		p.comms.note(*e.Comm)
		if e.Comm.Type == "comm_close" {
			p.forgetWidget(e.Comm.ID)
		}
		p.sink().Comm(*e.Comm)
	case e.Capture != nil:
		if _, seen := p.both[e.Seq]; seen {
			delete(p.both, e.Seq)
		} else {
			p.both[e.Seq] = e
		}
		p.capture(p.stdout, e.Seq, e.Capture)
	case e.Panic != nil:
		p.panicked(*e.Panic, p.to(p.stdout))
	case e.Loaded != nil:
		p.loaded(*e.Loaded)
	case e.Input != nil:
		p.input(*e.Input)
	case e.Done != nil:
		if p.stderr.fill() {
			p.deliverText(p.stderr)
		}
		p.stderr.emit(p.to(p.stderr), p.words.release(), true)
		p.stdout.emit(p.to(p.stdout), nil, true)
		p.tellCaptured()
		p.done(*e.Done)
	}
}

// flush delivers what a dead worker left.
func (p *pump) flush() {
	p.readEvents()
	p.stderr.buf = p.words.hear(p.stderr.buf)
	for _, s := range []*stream{p.stderr, p.stdout} {
		s.emit(p.to(s), s.buf, true)
		s.buf = nil
	}
	p.tellCaptured()
	p.comms.closeAll(p.sink())
}

// answers is the pipe back to gonbui. A program that does not read it must not stop the pump: then answers are lost.
type answers int

func (fd answers) Write(b []byte) (int, error) {
	unix.Write(int(fd), b)
	return len(b), nil
}

// gobReader lets the gob decoder read from the pipe of gonbui, and waits for the rest of a message that has begun.
type gobReader pump

func (r *gobReader) Read(b []byte) (int, error) {
	s := r.gonb
	for len(s.buf) == 0 {
		if !(*pump)(r).wait(s) {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(b, s.buf)
	s.buf = append(s.buf[:0], s.buf[n:]...)
	return n, nil
}

// ReadByte makes gob read no further than it needs.
func (r *gobReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := r.Read(b[:])
	return b[0], err
}

// readGonb takes one message of a program that uses GoNB's gonbui.
func (p *pump) readGonb() bool {
	var d protocol.DisplayData
	if err := p.dec.Decode(&d); err != nil {
		p.gonb.buf = nil
		return false
	}
	if p.gonbComm.program(d) {
		return true
	}
	out := nb.Output{Data: nb.Bundle{}, Metadata: d.Metadata, ID: d.DisplayID}
	for mime, v := range d.Data {
		if strings.HasPrefix(string(mime), "gonb/") {
			continue
		}
		if b, ok := v.([]byte); ok && (strings.HasPrefix(string(mime), "text/") || mime == protocol.MIMEImageSVG) {
			v = string(b)
		}
		out.Data[string(mime)] = v
	}
	if len(out.Data) == 0 {
		return true
	}
	if strings.HasPrefix(out.ID, gonbScripts) {
		out.ID = p.gonbComm.inCell(out.ID)
	}
	if out.ID != "" {
		out.Update = p.shown[out.ID]
		p.shown[out.ID] = true
	}
	p.display(out)
	return true
}
