package session

import (
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// Complete is part of engine.Engine.
func (s *Session) Complete(code string, cursor int) engine.Completions {
	return engine.Completions{Start: cursor, End: cursor}
}

// Inspect is part of engine.Engine.
func (s *Session) Inspect(code string, cursor int) nb.Bundle { return nil }
