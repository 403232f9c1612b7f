package session

import (
	"context"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
)

// formatCell is %fmt: it puts the formatted cell in the place of the cell, without the line of the command.
func formatCell(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.failf("it takes no arguments; it formats the cell below it")
	}
	c.r.way = done
	var text strings.Builder
	n := 0
	for line := range strings.Lines(c.r.full) {
		if n++; n == c.Line {
			body := strings.TrimRight(line, "\n")
			line = strings.Repeat(" ", len(body)) + line[len(body):]
		}
		text.WriteString(line)
	}
	formatted, err := cell.Format(c.r.src, text.String())
	if err != nil {
		return s.compileError(err)
	}
	c.r.payload = append(c.r.payload, engine.Payload{Source: "set_next_input", Text: formatted, Replace: true})
	return nil
}
