package session

import (
	"sync"
	"time"

	"golab/kernel/internal/pipe"
)

// answerTime is how long an answer of the worker is waited for. It may be stopped in a debugger, or busy in C.
const answerTime = time.Second

// maxQueries is how many questions may wait for an answer: a worker that is stopped would find the pipe full of them.
const maxQueries = 16

// queries is the questions that a worker has not answered.
type queries struct {
	mu   sync.Mutex
	last int
	open map[int]chan pipe.Answer
	late int // questions that nobody waits for any more
}

func (q *queries) add() (id int, answer chan pipe.Answer, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.open)+q.late >= maxQueries {
		return 0, nil, false
	}
	if q.open == nil {
		q.open = map[int]chan pipe.Answer{}
	}
	q.last++
	answer = make(chan pipe.Answer, 1)
	q.open[q.last] = answer
	return q.last, answer, true
}

// take takes an answer from the pump.
func (q *queries) take(a pipe.Answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.open[a.ID]
	if c == nil {
		q.late = max(0, q.late-1)
		return
	}
	delete(q.open, a.ID)
	c <- a
}

func (q *queries) giveUp(id int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open[id] != nil {
		delete(q.open, id)
		q.late++
	}
}

// query asks the worker about its values. ok is false if there is no answer in time.
func (p *process) query(q pipe.Query) (a pipe.Answer, ok bool) {
	id, answer, ok := p.queries.add()
	if !ok {
		return a, false
	}
	q.ID = id
	go p.send(pipe.Command{Query: &q}) // may wait while the worker is stopped
	timeout := time.NewTimer(answerTime)
	defer timeout.Stop()
	select {
	case a = <-answer:
		return a, true
	case <-timeout.C:
	case <-p.gone:
	}
	p.queries.giveUp(id)
	return a, false
}
