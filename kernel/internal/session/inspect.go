package session

import (
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// Complete is part of engine.Engine. It knows nothing before the base is there.
func (s *Session) Complete(code string, cursor int) (c engine.Completions) {
	cursor = min(max(cursor, 0), len(code))
	c = engine.Completions{Start: cursor, End: cursor}
	_, code = cutCommands(code)
	s.look(func(state *cell.State, pkgs cell.Packages) {
		matches, start := state.Suggest(code, cursor, pkgs)
		for _, m := range matches {
			c.Matches, c.Types = append(c.Matches, m.Name), append(c.Types, m.Kind)
		}
		c.Start = start
	})
	return c
}

// Inspect is part of engine.Engine.
func (s *Session) Inspect(code string, cursor, _ int) (b nb.Bundle) {
	_, code = cutCommands(code)
	s.look(func(state *cell.State, pkgs cell.Packages) {
		if d := state.Describe(code, cursor, pkgs); d != nil {
			b = bundle(d)
		}
	})
	return b
}

// look calls f with a copy of the session's state and what it can import, if the base is there. A bug of ours that panics
// on a cell half typed must not end the session: then nothing is known.
func (s *Session) look(f func(*cell.State, cell.Packages)) {
	s.mu.Lock()
	pkgs, state := s.space, s.state.Snapshot()
	s.mu.Unlock()
	if pkgs == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.opts.Log("completion or inspection failed, which is a bug: %v", r)
		}
	}()
	f(state, pkgs)
}

// bundle shows a description as text and as Markdown.
func bundle(d *cell.Description) nb.Bundle {
	where := ""
	if d.Where != "" {
		where = d.Kind + " of " + d.Where
	} else {
		where = d.Kind + " of Go"
	}
	text, md := []string{d.Decl}, []string{"```go\n" + d.Decl + "\n```"}
	if d.Doc != "" {
		text, md = append(text, d.Doc), append(md, d.Doc)
	}
	text, md = append(text, where), append(md, "*"+where+"*")
	return nb.Bundle{"text/plain": strings.Join(text, "\n\n"), "text/markdown": strings.Join(md, "\n\n")}
}
