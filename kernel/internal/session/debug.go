package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golab/kernel/home"
	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/debug"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// newDebugger is the session's debugger, which does nothing yet.
func (s *Session) newDebugger() *debug.Debugger {
	root, _ := build.Root()
	return debug.New(debug.Config{
		Delve: home.Delve(),
		Dir:   s.dir,
		Root:  root,
		Worker: func(ctx context.Context) (debug.Worker, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			w, err := s.ensureWorker()
			if err != nil {
				return nil, err
			}
			return debugged{w}, nil
		},
		Code: func(text string) string {
			_, code := cutCommands(text)
			return code
		},
		Say:  func(text string) { s.currentSink().Stream("stderr", "golab: "+text+"\n") },
		Log:  s.opts.Log,
		Attr: childAttr(),
	})
}

// Debug is part of engine.Engine.
func (s *Session) Debug(ctx context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage {
	return s.debugger.Handle(ctx, request, event)
}

// Debugger is part of engine.Engine.
func (s *Session) Debugger() bool {
	_, err := os.Stat(home.Delve())
	return err == nil
}

// debugged is a worker as the debugger sees it.
type debugged struct{ *process }

// PID is part of debug.Worker.
func (p debugged) PID() int { return p.cmd.Process.Pid }

// Program is part of debug.Worker.
func (p debugged) Program() string { return p.cmd.Path }

var errSilent = errors.New("the cells' process does not answer; it may be busy outside of Go")

// Allow is part of debug.Worker.
func (p debugged) Allow(_ context.Context, pid int) (*pipe.Traced, error) {
	a, ok := p.query(pipe.Query{Trace: pid})
	if !ok || a.Traced == nil {
		return nil, errSilent
	}
	return a.Traced, nil
}

// Unfold is part of debug.Worker.
func (p debugged) Unfold(_ context.Context, u pipe.Unfold) ([]pipe.Part, error) {
	a, ok := p.query(pipe.Query{Unfold: &u})
	switch {
	case !ok || a.Unfolded == nil:
		return nil, errSilent
	case a.Unfolded.Err != "":
		return nil, errors.New(a.Unfolded.Err)
	}
	return a.Unfolded.Parts, nil
}

// Preview is part of debug.Worker.
func (p debugged) Preview(_ context.Context, name string) (nb.Bundle, error) {
	a, ok := p.query(pipe.Query{Preview: name})
	switch {
	case !ok:
		return nil, errSilent
	case a.Preview == nil:
		return nil, fmt.Errorf("%s can't be shown now: there is none, or a cell is running", name)
	}
	return a.Preview, nil
}

// isLoaded takes from the pump that a generation waits to be run.
func (p *process) isLoaded(l pipe.Loaded) {
	select {
	case p.ready <- l:
	default: // a cell writes there
	}
}

// placeAfter is how long setting the breakpoints of one cell may take.
const placeAfter = 20 * time.Second

// breakpoints sets the breakpoints of a cell that is loaded, and lets it run.
func (s *Session) breakpoints(w *process, prog *cell.Program, l pipe.Loaded) {
	ctx, cancel := context.WithTimeout(context.Background(), placeAfter)
	defer cancel()
	s.debugger.Loaded(ctx, debug.Generation{ID: l.Gen, Cells: s.cellsIn(prog), Declares: prog.Declares, Globals: prog.Globals}, l.Variables)
	w.send(pipe.Command{Go: &pipe.Go{Gen: l.Gen}})
}

// cellsIn is the cells of which a program holds code.
func (s *Session) cellsIn(prog *cell.Program) []debug.Cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	var cells []debug.Cell
	for _, src := range s.sources {
		_, has := prog.Files[fmt.Sprintf("g%d.go", src.Gen)]
		if code, ok := s.codes[src]; ok && (has || src == prog.Source) {
			cells = append(cells, debug.Cell{Name: src.Name, Text: code})
		}
	}
	slices.SortFunc(cells, func(a, b debug.Cell) int { return strings.Compare(a.Name, b.Name) })
	return cells
}

// debugging has the debugger trace the worker, which may be a new one, and reports whether the cell is to be compiled for it.
func (s *Session) debugging(ctx context.Context, w *process) bool {
	if !s.debugger.On() {
		return false
	}
	if err := s.debugger.Attach(ctx, debugged{w}); err != nil {
		s.opts.Log("the debugger: %v", err)
		s.currentSink().Stream("stderr", "golab: this cell runs without the debugger: "+err.Error()+"\n")
		return false
	}
	return true
}

// clean removes what was left of compiling a cell in dir. A debugger reads the plugin when it next stops the worker.
func (s *Session) clean(dir string, debug bool) {
	if !debug {
		os.RemoveAll(dir)
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != pluginFile {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
