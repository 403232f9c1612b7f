package notebook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
	"golab/kernel/nb"
)

// Options are how Run runs a notebook.
type Options struct {
	// AllowErrors goes on after a cell that failed. A cell with the tag "raises-exception" may always fail.
	AllowErrors bool
	// LanguageInfo, if not nil, becomes the notebook's metadata of that name, as Jupyter takes it from the kernel.
	LanguageInfo map[string]any
	// Watch, if not nil, gets what cells show, as it comes.
	Watch engine.Sink
	// Begin, if not nil, is called before each cell, with its number and how many there are.
	Begin func(count, total int)
}

// CellError is the failure of a cell that ends a run.
type CellError struct {
	Count int    // the number beside the cell, In [Count]
	Code  string // its first line
	Err   *engine.Error
}

func (e *CellError) Error() string {
	return fmt.Sprintf("cell In [%d] (%s) failed: %v", e.Count, e.Code, e.Err)
}

func (e *CellError) Unwrap() error { return e.Err }

// Run runs the code cells of n in order and puts what they show into them, as nbclient does: cells without code and those
// with the tag "skip-execution" stay as they are. It stops at the first cell that fails, with a *CellError; what was run
// up to there is in n then, too. When ctx is cancelled the running cell is interrupted and Run returns ctx's error.
func Run(ctx context.Context, eng engine.Engine, n *Notebook, opts Options) error {
	defer interruptWhenDone(ctx, eng)()
	if opts.LanguageInfo != nil {
		n.root.object("metadata").set("language_info", fileMetadata(opts.LanguageInfo))
	}
	rec := &record{shown: map[string][]*shownOutput{}}
	defer rec.finish() // at the end, as a cell's goroutines may still show something while others run
	cells := n.toRun()
	for i, cell := range cells {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := i + 1
		if opts.Begin != nil {
			opts.Begin(count, len(cells))
		}
		out := rec.begin(cell, count)
		var sink engine.Sink = out
		if opts.Watch != nil {
			sink = both{out, opts.Watch}
		}
		limited := output.Limit(sink)
		result := eng.Execute(engine.Request{Code: cell.Source(), Count: count}, limited)
		for _, p := range result.Payload {
			if p.Source == "page" { // there is no pager
				limited.Display(nb.Output{Data: p.Page})
			}
		}
		limited.End()
		if result.Err == nil {
			continue
		}
		out.fail(result.Err)
		if err := ctx.Err(); err != nil {
			return err
		}
		if !opts.AllowErrors && !cell.Tagged("raises-exception") {
			return &CellError{Count: count, Code: firstLine(cell.Source()), Err: result.Err}
		}
	}
	return nil
}

// toRun lists the cells that Run runs.
func (n *Notebook) toRun() []*Cell {
	var cells []*Cell
	for _, c := range n.Cells {
		if c.IsCode() && strings.TrimSpace(c.Source()) != "" && !c.Tagged("skip-execution") {
			cells = append(cells, c)
		}
	}
	return cells
}

func firstLine(code string) string {
	line, _, more := strings.Cut(strings.TrimSpace(code), "\n")
	if more {
		line += " …"
	}
	return line
}

// interruptWhenDone interrupts eng from the time that ctx is done until stop is called: again and again, as the first
// interrupt may have come just before a cell began.
func interruptWhenDone(ctx context.Context, eng engine.Engine) (stop func()) {
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		for {
			eng.Interrupt()
			select {
			case <-ended:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return func() { close(ended) }
}

// both passes everything to two sinks.
type both struct{ a, b engine.Sink }

func (t both) Stream(name, text string) { t.a.Stream(name, text); t.b.Stream(name, text) }
func (t both) Display(o nb.Output)      { t.a.Display(o); t.b.Display(o) }
func (t both) Result(b nb.Bundle)       { t.a.Result(b); t.b.Result(b) }
func (t both) Clear(wait bool)          { t.a.Clear(wait); t.b.Clear(wait) }
func (t both) Comm(m nb.CommMessage)    { t.a.Comm(m); t.b.Comm(m) }
