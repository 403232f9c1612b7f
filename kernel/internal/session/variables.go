package session

import (
	"maps"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// query asks the worker, if there is one.
func (s *Session) query(q pipe.Query) (pipe.Answer, bool) {
	s.mu.Lock()
	w := s.worker
	s.mu.Unlock()
	if w == nil || !w.alive() {
		return pipe.Answer{}, false
	}
	return w.query(q)
}

// Variables is part of engine.Engine. It asks the worker each time, also while a cell runs; if that does not answer in time,
// there are names and types without values.
func (s *Session) Variables() []engine.Variable {
	answer, answered := s.query(pipe.Query{Variables: true})
	live := map[string]pipe.Variable{}
	for _, v := range answer.Variables {
		live[v.Name] = v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	vars := map[string]engine.Variable{}
	for name, why := range s.state.Lost() {
		vars[name] = engine.Variable{Name: name, Size: -1, Lost: why}
	}
	for _, v := range s.state.Vars() {
		x := engine.Variable{Name: v.Name, Type: v.Type, Cell: v.Cell, Size: -1}
		if l, ok := live[v.Name]; ok {
			if l.Key != v.Key() { // the running cell declared it anew
				x.Type, x.Cell = cell.PlainName(l.Type), s.runningCell()
			}
			x = fill(x, l)
		}
		vars[v.Name] = x
		delete(live, v.Name)
	}
	if s.running != nil && answered {
		for name, l := range live {
			x := engine.Variable{Name: name, Type: cell.PlainName(l.Type), Cell: s.runningCell(), Size: -1}
			vars[name] = fill(x, l)
		}
	}
	return slices.SortedFunc(maps.Values(vars), func(a, b engine.Variable) int { return strings.Compare(a.Name, b.Name) })
}

// runningCell is the name of the cell that runs, or "".
func (s *Session) runningCell() string {
	if s.running == nil {
		return ""
	}
	return s.running.src.Name
}

func fill(v engine.Variable, l pipe.Variable) engine.Variable {
	v.Value, v.Shape, v.Size, v.HasChildren = cell.PlainPaths(cell.PlainName(l.Value)), l.Shape, l.Size, l.HasChildren
	return v
}

// Preview is how a variable shows itself as the last expression of a cell, in all its representations. While a cell runs, and
// of what does not answer in time, it is a line of text; nil if there is no such variable.
func (s *Session) Preview(name string) nb.Bundle {
	if a, ok := s.query(pipe.Query{Preview: name}); ok && a.Preview != nil {
		if text, ok := a.Preview["text/plain"].(string); ok {
			a.Preview["text/plain"] = cell.PlainPaths(text)
		}
		return a.Preview
	}
	for _, v := range s.Variables() {
		switch {
		case v.Name != name:
		case v.Lost != "":
			return nb.Bundle{"text/plain": name + " has no value: " + v.Lost}
		default:
			return nb.Bundle{"text/plain": strings.Join(strings.Fields(v.Type+" "+v.Shape+" "+v.Value), " ")}
		}
	}
	return nil
}

// Memory is what the worker takes; ok is false if there is none, or it does not answer.
func (s *Session) Memory() (m pipe.Memory, ok bool) {
	a, ok := s.query(pipe.Query{Memory: true})
	if !ok || a.Memory == nil {
		return m, false
	}
	return *a.Memory, true
}
