// Command kernel is GoLab's Jupyter kernel and its headless runner.
//
//	kernel serve CONNECTION_FILE   serve one Jupyter session (what the kernelspec calls)
//	kernel run NOTEBOOK.ipynb      run a notebook without Jupyter
//	kernel prepare                 compile what cells need, ahead of the first session
//	kernel bench                   measure GoLab beside other kernels
//
// It is the front process: it never runs user code, and links neither cgo nor machine learning.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golab/kernel/home"
	"golab/kernel/internal/build"
	"golab/kernel/internal/cli"
	"golab/kernel/internal/cli/bench"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/history"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/session"
)

const usage = `usage: kernel COMMAND

  serve CONNECTION_FILE   serve one Jupyter session; Jupyter calls this
  run NOTEBOOK.ipynb      run a notebook without Jupyter (run -h tells more)
  prepare                 compile what cells need, ahead of the first session
  bench                   measure GoLab beside other kernels (bench -h tells more)
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch args := os.Args[2:]; os.Args[1] {
	case "serve":
		os.Exit(serve(ctx, args))
	case "run":
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
		os.Exit(cli.Run(ctx, args, os.Stdout, os.Stderr, func(notebook string) (engine.Engine, error) {
			return session.New(session.Options{Open: build.Open, Dir: filepath.Dir(notebook), Notebook: notebook})
		}))
	case "prepare":
		os.Exit(prepare(ctx, os.Stdout, os.Stderr))
	case "bench":
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
		os.Exit(bench.Run(ctx, args, os.Stdout, os.Stderr))
	case "help", "-h", "--help":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "unknown command %q\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
}

func serve(ctx context.Context, args []string) int {
	if len(args) != 1 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // nobody may read the log any more
	log := slog.New(slog.NewTextHandler(newLossy(os.Stderr), nil))
	s, err := session.New(session.Options{Open: build.Open, Notebook: notebook(os.Getenv("JPY_SESSION_NAME")), Kernel: kernelID(args[0]), Log: func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) }})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close()
	cells := history.InMemory()
	if file := home.History(); file != "" {
		cells = history.Open(file, log)
	}
	defer cells.Close()
	if err := jupyter.Serve(ctx, args[0], s, cells, log); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// notebook is the absolute path of the notebook that a Jupyter server starts a kernel for, which it gives as the session's
// name; empty if the session has no notebook, as consoles have none.
func notebook(name string) string {
	if filepath.Ext(name) != ".ipynb" {
		return ""
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return ""
}

// kernelID is the identifier that a Jupyter server gave a kernel: it names the connection file after it.
func kernelID(connectionFile string) string {
	return strings.TrimPrefix(strings.TrimSuffix(filepath.Base(connectionFile), ".json"), "kernel-")
}

func prepare(ctx context.Context, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if _, err := build.Open(ctx, func(line string) { fmt.Fprintln(stdout, line) }); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
