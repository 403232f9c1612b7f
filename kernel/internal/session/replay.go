package session

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/modules"
)

// withCode is the cells that were run and are more than commands.
func (s *Session) withCode() []record {
	return slices.DeleteFunc(slices.Clone(s.history), func(r record) bool { return strings.TrimSpace(r.code) == "" })
}

// record is a cell that was run.
type record struct {
	count int
	cell  string // as it was typed
	code  string // its Go code, without commands
	args  []string
	ok    bool
}

func (r record) name() string { return fmt.Sprintf("cell[%d]", r.count) }

// title is the cell's first line of code.
func (r record) title() string {
	line, rest, _ := strings.Cut(strings.TrimSpace(r.code), "\n")
	if runes := []rune(line); len(runes) > 70 {
		return string(runes[:70]) + "…"
	}
	if strings.TrimSpace(rest) != "" {
		line += " …"
	}
	return line
}

// replay is %replay: a fresh worker and a fresh state, in which the chosen cells are run again.
func replay(ctx context.Context, s *Session, c *call) *engine.Error {
	if c.Args == "" {
		return listCells(s, c)
	}
	chosen, err := choose(s.withCode(), c.Args)
	if err != nil {
		return c.failf("%v", err)
	}
	if err := s.restart(ctx, c.r.out); err != nil {
		return c.ended(ctx, err)
	}
	own, args := c.r.src, c.r.args
	for i, rec := range chosen {
		c.r.out.Stream("stdout", fmt.Sprintf("── %s: %s\n", rec.name(), rec.title()))
		err := interruptedWhile("cells were being replayed")
		if ctx.Err() == nil {
			s.mu.Lock()
			s.gen++
			src := &cell.Source{Name: rec.name(), Gen: s.gen, Text: rec.code}
			s.sources[cell.FileName(src.Gen, src.Name)] = src
			c.r.src, c.r.args, c.r.inWorker, c.r.killed = src, rec.args, false, false
			s.mu.Unlock()
			s.renewModules(ctx, c.r.out)
			err = s.runCode(ctx, c.r, c.r.out)
		}
		if err != nil {
			return stopped(err, rec, chosen[i+1:])
		}
	}
	s.mu.Lock()
	c.r.src, c.r.args, c.r.inWorker = own, args, false
	s.mu.Unlock()
	return nil
}

// stopped adds to the error of a replayed cell what was not run for it.
func stopped(err *engine.Error, at record, rest []record) *engine.Error {
	tail := "the replay stopped at " + at.name()
	if len(rest) > 0 {
		var names []string
		for _, r := range rest {
			names = append(names, strconv.Itoa(r.count))
		}
		tail += "; not run: " + strings.Join(names, ", ")
	}
	return &engine.Error{Name: err.Name, Value: err.Value + "; " + tail, Traceback: append(slices.Clone(err.Traceback), tail)}
}

// restart replaces the worker and forgets all that cells declared.
func (s *Session) restart(ctx context.Context, out engine.Sink) error {
	var p modules.Packages
	if s.mods.folder != nil {
		var err error
		if p, err = s.mods.folder.Packages(ctx); err != nil {
			return err
		}
	}
	if err := s.replaceWorker(ctx, out, p); err != nil {
		return err
	}
	s.forgetState()
	return nil
}

// forgetState forgets all that cells declared.
func (s *Session) forgetState() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = cell.New()
}

// listCells is %replay without arguments.
func listCells(s *Session, c *call) *engine.Error {
	if len(s.withCode()) == 0 {
		c.r.out.Stream("stdout", "no cells have been run yet\n")
		return nil
	}
	for _, r := range s.withCode() {
		failed := ""
		if !r.ok {
			failed = " (failed)"
		}
		c.r.out.Stream("stdout", fmt.Sprintf("%5d  %s%s\n", r.count, r.title(), failed))
	}
	c.r.out.Stream("stdout", "`%replay 1-4,7` drops all values and runs those cells again in this order of time; `%replay all` those that did not fail\n")
	return nil
}

// choose finds the cells that the arguments of %replay name, in the order in which they were run. Of several with one
// number the last counts.
func choose(history []record, args string) ([]record, error) {
	last := map[int]int{}
	for i, r := range history {
		last[r.count] = i
	}
	var all []record
	for i, r := range history {
		if last[r.count] == i {
			all = append(all, r)
		}
	}
	if strings.TrimSpace(args) == "all" {
		all = slices.DeleteFunc(all, func(r record) bool { return !r.ok })
		if len(all) == 0 {
			return nil, fmt.Errorf("no cell has run without an error so far")
		}
		return all, nil
	}
	want := map[int]bool{}
	for _, word := range strings.FieldsFunc(args, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, isRange := strings.Cut(word, "-")
		a, err := strconv.Atoi(from)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(to)
		}
		if err != nil || b < a {
			return nil, fmt.Errorf("%q is no number or range of cells; for example `%%replay 1-4,7` or `%%replay all`", word)
		}
		any := false
		for _, r := range all {
			if a <= r.count && r.count <= b {
				want[r.count], any = true, true
			}
		}
		if !any {
			return nil, fmt.Errorf("no cell %s has been run; `%%replay` lists them", word)
		}
	}
	return slices.DeleteFunc(all, func(r record) bool { return !want[r.count] }), nil
}
