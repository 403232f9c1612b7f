// Package doctor looks at an installation and says, line by line, what is there, what is missing and what to do about it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golab/install/internal/disk"
	"golab/install/internal/hint"
	"golab/install/internal/kernelspec"
	"golab/install/internal/progress"
	"golab/install/internal/setup"
	"golab/install/internal/venv"
	"golab/kernel/home"
)

// check is one line of the page. An error's "hint:" line is the fix.
type check struct {
	what     string
	optional bool // GoLab works without it
	look     func(context.Context) (string, error)
}

const fixLab = "go run ./install lab"

var checks = []check{
	{what: "Go", look: setup.CheckGo},
	{what: "C compiler", look: setup.CheckC},
	{what: "Python", look: setup.CheckPython},
	{what: "JupyterLab", look: jupyterLab},
	{what: "Kernel program", look: program},
	{what: "Kernel in JupyterLab", look: func(context.Context) (string, error) { return registered(venv.DataDir(), fixLab) }},
	{what: "Kernel in your own Jupyter", optional: true, look: func(context.Context) (string, error) {
		dir, err := kernelspec.UserDataDir()
		if err != nil {
			return "", err
		}
		return registered(dir, "go run ./install kernel --user")
	}},
	{what: "A cell through the kernel", look: cell},
	{what: "ECharts", look: func(context.Context) (string, error) { return file(home.ECharts()) }},
	without(home.XLACPU, "XLA for the CPU", "models run on the pure-Go backend"),
	without(home.Gopls, "gopls", "completion and documentation know less"),
	without(home.Delve, "Delve", "there is no debugger"),
	{what: "Disk", look: room},
}

// without looks for a file that GoLab works without; then what is so.
func without(path func() string, what, then string) check {
	return check{what: what, optional: true, look: func(context.Context) (string, error) {
		s, err := file(path())
		if err != nil {
			err = fmt.Errorf("%s: %w", then, err)
		}
		return s, err
	}}
}

// Run writes the page to w and reports whether everything that notebooks need is there.
func Run(ctx context.Context, w io.Writer) bool { return run(ctx, w, checks) }

func run(ctx context.Context, w io.Writer, checks []check) bool {
	ok := true
	for _, c := range checks {
		found, err := c.look(ctx)
		switch {
		case err == nil:
			fmt.Fprintf(w, "✓ %-27s %s\n", c.what, found)
		case c.optional:
			fmt.Fprintf(w, "– %-27s %s\n", c.what, indent(err))
		default:
			ok = false
			fmt.Fprintf(w, "✗ %-27s %s\n", c.what, indent(err))
		}
	}
	return ok
}

func indent(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "\n"+strings.Repeat(" ", 30))
}

func jupyterLab(ctx context.Context) (string, error) {
	if !venv.Ready(ctx) {
		return "", hint.Wrap(errors.New("GoLab's Python environment is missing, out of date or incomplete"), fixLab)
	}
	out, err := exec.CommandContext(ctx, venv.Python(), "-m", "jupyterlab", "--version").Output()
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("it does not run: %w", err), "remove %s, then %s", venv.Dir(), fixLab)
	}
	return strings.TrimSpace(string(out)) + ", " + disk.Size(disk.Usage(venv.Dir())), nil
}

func program(context.Context) (string, error) {
	fi, err := os.Stat(setup.Binary())
	if err != nil {
		return "", hint.Wrap(errors.New("not built"), fixLab)
	}
	return fmt.Sprintf("%s, built %s", disk.Size(fi.Size()), fi.ModTime().Format("2006-01-02 15:04")), nil
}

func registered(dataDir, fix string) (string, error) {
	s, err := kernelspec.Read(dataDir)
	if err != nil {
		return "", hint.Wrap(errors.New("not registered"), "%s", fix)
	}
	if len(s.Argv) == 0 || s.Argv[0] != setup.Binary() {
		return "", hint.Wrap(fmt.Errorf("%s is of another GoLab", kernelspec.Dir(dataDir)), "%s", fix)
	}
	return kernelspec.Dir(dataDir), nil
}

func cell(ctx context.Context) (string, error) {
	if _, err := os.Stat(setup.Binary()); err != nil {
		return "", hint.Wrap(errors.New("there is no kernel yet"), fixLab)
	}
	start := time.Now()
	if err := setup.RunCells(ctx, func(string) {}); err != nil {
		return "", hint.Wrap(err, fixLab)
	}
	return "two cells ran in " + progress.Duration(time.Since(start)), nil
}

func file(path string) (string, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return "", hint.Wrap(errors.New("not there"), fixLab)
	}
	return disk.Size(fi.Size()) + ", " + path, nil
}

func room(context.Context) (string, error) {
	s := fmt.Sprintf("%s in %s, %s in %s", disk.Size(disk.Usage(home.Dir())), home.Dir(), disk.Size(disk.Usage(home.Cache())), home.Cache())
	free := disk.Free(home.Dir())
	if free == 0 {
		return s, nil
	}
	const need = 2 << 30
	if free < need {
		return s, hint.Wrap(fmt.Errorf("%s; only %s are free there", s, disk.Size(free)), "make room: GoLab wants some 2 GB")
	}
	return s + "; " + disk.Size(free) + " free", nil
}
