package session

import (
	"context"
	"strings"
	"time"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// Inspect is part of engine.Engine.
func (s *Session) Inspect(code string, cursor, detail int) (b nb.Bundle) {
	cursor = min(max(cursor, 0), len(code))
	if q, ok := cell.AsQuestion(code); ok {
		return s.explain(q)
	}
	at := placeIn(code, cursor)
	switch {
	case at.text:
		return nil
	case at.command != "":
		if !strings.ContainsAny(at.command, " \t") { // in its name
			rest, _, _ := strings.Cut(code[cursor:], "\n")
			at.command += strings.Split(rest+" ", " ")[0]
		}
		return describeCommand(at.command)
	}
	text := at.code
	found := make(chan nb.Bundle, 1)
	go func() {
		defer close(found)
		s.look(func(state *cell.State, space *build.Space) {
			d := state.Describe(text, cursor, space.Prompt())
			if d == nil { // it may be of a package that has to be compiled first
				d = state.Describe(text, cursor, space)
			}
			if d != nil {
				found <- tooltip(d, s.live(d), detail)
			}
		})
	}()
	select {
	case b = <-found:
	case <-time.After(inspectWithin):
	}
	return b
}

// inspectWithin is how long an inspection may take: a package may have to be compiled, or one that is compiled for a cell
// holds it up.
const inspectWithin = time.Second

// answer runs a cell that asks about something. Clients show the answer as a page.
func (s *Session) answer(ctx context.Context, q cell.Question, out engine.Sink) engine.Result {
	if err := s.ready(ctx); err != nil {
		if ctx.Err() != nil {
			return engine.Result{Err: interruptedWhile("GoLab was being prepared")}
		}
		return engine.Result{Err: s.failed(err)}
	}
	page := s.explain(q)
	if page == nil {
		out.Stream("stderr", "golab: nothing is known of "+q.Text+"\n")
		return engine.Result{}
	}
	return engine.Result{Payload: []engine.Payload{{Source: "page", Page: page}}}
}

// explain answers a question; nil if nothing is known of what it asks.
func (s *Session) explain(q cell.Question) nb.Bundle {
	if q.Text == "" {
		return describeCommand("%help")
	}
	if strings.HasPrefix(q.Text, "%") {
		return describeCommand(q.Text)
	}
	return s.Inspect(q.Text, q.Cursor(), q.Detail)
}

// live is the variable that d describes, with its value; nil if it is none of the session.
func (s *Session) live(d *cell.Description) *engine.Variable {
	if !d.Live {
		return nil
	}
	vars := make(chan []engine.Variable, 1)
	go func() { vars <- s.Variables() }()
	select {
	case list := <-vars:
		for _, v := range list {
			if v.Name == d.Name && (v.Value != "" || v.Lost != "") {
				return &v
			}
		}
	case <-time.After(valueWithin): // the worker may be stopped by a debugger, or busy in C
	}
	return nil
}

// valueWithin is how long an inspection waits for a variable's value.
const valueWithin = 300 * time.Millisecond

// look calls f with a copy of the session's state and what it can import, if the base is there. A bug of ours that panics
// on a cell half typed must not end the session: then nothing is known.
func (s *Session) look(f func(*cell.State, *build.Space)) {
	s.mu.Lock()
	space, state := s.space, s.state.Snapshot()
	s.mu.Unlock()
	if space == nil {
		return
	}
	defer s.rescue()
	f(state, space)
}
