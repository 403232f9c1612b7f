// Package cli holds the kernel's commands.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/notebook"
)

const runUsage = `usage: run NOTEBOOK.ipynb [-o OUT | --inplace] [--allow-errors]

Runs all code cells of a notebook in order, without Jupyter. What they show is printed as text, or
written into a notebook:
  -o OUT          write the notebook with its outputs to OUT, also when a cell failed
  --inplace       write the outputs into NOTEBOOK.ipynb itself when all cells ran
  --static        leave charts as pictures, for small files
  --allow-errors  go on after a cell that fails
The exit status is 1 when a cell failed, which is then named.
`

// Run is the command "run": it runs the notebook that args name on the engine that open starts for it, given its absolute
// path, and returns the exit status. Cancelling ctx interrupts the running cell and ends the run.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, open func(notebook string) (engine.Engine, error)) int {
	r, err := parseRun(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, runUsage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\n\n%s", err, runUsage)
		return 2
	}
	if r.static { // the worker inherits it; see golab/viz
		os.Setenv("GOLAB_STATIC_CHARTS", "1")
	}
	if err := r.run(ctx, stdout, stderr, open); err != nil {
		fmt.Fprintln(stderr, err)
		if failed, ok := errors.AsType[*notebook.CellError](err); ok {
			fmt.Fprintln(stderr, strings.Join(failed.Err.Traceback, "\n"))
		}
		return 1
	}
	return 0
}

// runCommand is what the command line of "run" says.
type runCommand struct {
	path        string
	out         string
	inplace     bool
	allowErrors bool
	static      bool
}

// parseRun reads flags and the notebook's path in any order.
func parseRun(args []string) (runCommand, error) {
	var r runCommand
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&r.out, "o", "", "")
	flags.BoolVar(&r.inplace, "inplace", false, "")
	flags.BoolVar(&r.allowErrors, "allow-errors", false, "")
	flags.BoolVar(&r.static, "static", false, "")
	for {
		if err := flags.Parse(args); err != nil {
			return r, err
		}
		if flags.NArg() == 0 {
			break
		}
		if r.path != "" {
			return r, fmt.Errorf("one notebook at a time: %s, %s", r.path, flags.Arg(0))
		}
		r.path = flags.Arg(0)
		args = flags.Args()[1:]
	}
	switch {
	case r.path == "":
		return r, errors.New("no notebook given")
	case r.out != "" && r.inplace:
		return r, errors.New("-o and --inplace exclude each other")
	}
	return r, nil
}

func (r runCommand) run(ctx context.Context, stdout, stderr io.Writer, open func(notebook string) (engine.Engine, error)) error {
	n, err := notebook.Read(r.path)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(r.path)
	if err != nil {
		return err
	}
	eng, err := open(path)
	if err != nil {
		return fmt.Errorf("cannot start a session: %w", err)
	}
	defer eng.Close()
	opts := notebook.Options{AllowErrors: r.allowErrors, LanguageInfo: jupyter.LanguageInfo()}
	if r.out == "" && !r.inplace {
		opts.Watch = &printer{w: stdout}
		return r.named(notebook.Run(ctx, eng, n, opts))
	}
	opts.Begin = func(count, total int) { fmt.Fprintf(stderr, "%s: cell %d of %d\n", r.path, count, total) }
	err = r.named(notebook.Run(ctx, eng, n, opts))
	switch {
	case r.out != "":
		err = errors.Join(err, n.Write(r.out))
	case err == nil:
		err = n.Write(r.path)
	}
	return err
}

// named is err with the notebook's path before it.
func (r runCommand) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", r.path, err)
}
