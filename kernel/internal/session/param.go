package session

import (
	"context"
	"regexp"
	"slices"

	"golab/kernel/internal/engine"
)

var parameter = regexp.MustCompile(`^([\pL_][\pL_\pN]*)\s*=\s*[^=\s]`)

// param is %param, as which papermill writes a notebook's parameters: it can't know whether the notebook declares them.
func param(_ context.Context, s *Session, c *call) *engine.Error {
	m := parameter.FindStringSubmatch(c.Args)
	if m == nil {
		return c.usage("it takes one name and its value")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.state.Names(), m[1]) {
		return nil // NAME = VALUE stands in the cell already
	}
	const declare = "var "
	src := c.r.src
	src.Text = src.Text[:c.Start-len(declare)] + declare + src.Text[c.Start:] // over the blanks where the command was
	return nil
}
