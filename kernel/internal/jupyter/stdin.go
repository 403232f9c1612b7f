package jupyter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
)

// absence is how long the client that is asked may be away before the question fails.
var absence = 10 * time.Second

// flushTime is how long a question waits until what was printed before it has been sent.
const flushTime = time.Second

// endOfInput is what clients send for Ctrl-D.
const endOfInput = "\x04"

var (
	errInterrupted = errors.New("interrupted")
	errCellEnded   = errors.New("the cell has ended, and only running cells can ask for input")
	errNobody      = errors.New("the client that ran the cell is gone, and nobody else can be asked for input")
)

// questions asks people for input, one question at a time.
type questions struct {
	server *server
	turn   chan struct{} // has a token while a question is open

	mu   sync.Mutex
	open *question
}

// question is one input_request that waits for its reply.
type question struct {
	req     *request // the cell that asks
	content object
	ids     map[string]bool // msg_ids under which it was sent
	at      *peer           // where it was sent last; nil if the client is away
	away    *time.Timer     // ends the question when the client stays away
	answer  chan answer     // takes one
}

type answer struct {
	text string
	err  error
}

func (q *questions) init(s *server) { q.server, q.turn = s, make(chan struct{}, 1) }

// ask asks the client that sent the execute_request req, while may and ctx last. Others that ask meanwhile wait for their
// turn.
func (q *questions) ask(ctx context.Context, may *asking, req *request, prompt string, password bool) (string, error) {
	if req.peer.id == "" {
		return "", errors.New("the client that ran the cell can't be asked for input: its connections have no identity")
	}
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-may.ctx.Done():
		return "", context.Cause(may.ctx)
	}
	for _, ctx := range []context.Context{ctx, may.ctx} {
		if ctx.Err() != nil { // select may have taken the turn all the same
			return "", context.Cause(ctx)
		}
	}
	q.server.out.drain(flushTime)
	open := &question{req: req, content: object{"prompt": prompt, "password": password}, ids: map[string]bool{}, answer: make(chan answer, 1)}
	q.mu.Lock()
	q.open = open
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.open = nil
		if open.away != nil {
			open.away.Stop()
		}
	}()
	q.route()
	select {
	case a := <-open.answer:
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-may.ctx.Done():
		return "", context.Cause(may.ctx)
	}
}

// route sends the open question to its client if that is there and has not got it. It is called when clients come and go.
func (q *questions) route() {
	q.mu.Lock()
	defer q.mu.Unlock()
	open := q.open
	if open == nil {
		return
	}
	p := q.server.stdin.find(open.req.peer.id)
	if p == nil {
		open.at = nil
		if open.away == nil {
			open.away = time.AfterFunc(absence, func() { open.take(answer{err: errNobody}) })
		}
		return
	}
	if p == open.at {
		return
	}
	if open.away != nil {
		open.away.Stop()
		open.away = nil
	}
	// A new message each time: clients refuse a signature that they have seen.
	m := outgoing{id: uuid.NewString(), typ: "input_request", parent: open.req.rawHeader, content: open.content}
	frames, err := q.server.codec.encode(m)
	if err != nil {
		open.take(answer{err: err})
		return
	}
	open.ids[m.id] = true
	open.at = p
	p.send(append(append([][]byte{}, open.req.identities...), frames...))
}

// take gives the question its answer. Only the first counts.
func (o *question) take(a answer) {
	select {
	case o.answer <- a:
	default:
	}
}

// answer takes an input_reply. Those that answer another question, or come from another client, are dropped.
func (q *questions) answer(reply *request) {
	var parent struct {
		ID string `json:"msg_id"`
	}
	json.Unmarshal(reply.rawParent, &parent)
	q.mu.Lock()
	defer q.mu.Unlock()
	open := q.open
	drop := func(why string) { reply.socket.log.Warn("dropped an input_reply", "reason", why) }
	switch {
	case open == nil:
		drop("nothing was asked")
		return
	case reply.peer.id != open.req.peer.id:
		drop("another client was asked")
		return
	// Some clients name no parent, or the cell that asks.
	case parent.ID != "" && parent.ID != open.req.header.ID && !open.ids[parent.ID]:
		drop("it answers an earlier question")
		return
	}
	content, err := parse[struct {
		Status string  `json:"status"`
		Value  *string `json:"value"`
	}](reply)
	switch {
	case err != nil:
		open.take(answer{err: err})
	case content.Value == nil:
		open.take(answer{err: errors.New("the client answered without a value, with status " + content.Status)})
	case *content.Value == endOfInput:
		open.take(answer{err: io.EOF})
	default:
		open.take(answer{text: *content.Value})
	}
}

// asking is the right of one cell to ask for input.
type asking struct {
	ctx context.Context
	end context.CancelCauseFunc
}

func newAsking(ctx context.Context) *asking {
	a := &asking{}
	a.ctx, a.end = context.WithCancelCause(ctx)
	return a
}

// input is engine.Request's Input for the cell of req. It fails once may has ended.
func (q *questions) input(may *asking, req *request) func(context.Context, string, bool) (string, error) {
	return func(ctx context.Context, prompt string, password bool) (string, error) {
		return q.ask(ctx, may, req, prompt, password)
	}
}
