package setup

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golab/install/internal/hint"
	"golab/install/internal/progress"
	"golab/install/internal/venv"
)

// Tools looks at what this machine has to bring along: Go, a C compiler and, if jupyter is set, Python. The error names everything
// that is missing, each with what to install.
func Tools(ctx context.Context, p *progress.Printer, jupyter bool) error {
	title, checks := "Go, C compiler", []func(context.Context) (string, error){CheckGo, CheckC}
	if jupyter {
		title, checks = "Go, C compiler, Python", append(checks, CheckPython)
	}
	return p.Step(title, func(*progress.Step) (string, error) {
		var (
			found []string
			errs  []error
		)
		for _, check := range checks {
			what, err := check(ctx)
			found, errs = append(found, what), append(errs, err)
		}
		return strings.Join(found, "; "), errors.Join(errs...)
	})
}

// CheckGo returns the version of the Go command that cells are compiled with.
func CheckGo(ctx context.Context) (string, error) {
	const fix = "install Go 1.26 or newer and put its bin folder on your PATH"
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("the go command does not run: %w", err), fix)
	}
	v := firstLine(out)
	if !goAtLeast(v, 1, 26) {
		return v, hint.Wrap(fmt.Errorf("this is %s, GoLab needs Go 1.26 or newer", v), fix)
	}
	return v, nil
}

// goAtLeast reports whether a version such as go1.26.8 or go1.27rc1 is major.minor or newer. A development version is.
func goAtLeast(v string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(v, "go%d.%d", &a, &b); err != nil {
		return strings.HasPrefix(v, "devel")
	}
	return a > major || a == major && b >= minor
}

// CheckC returns the first line of what the C compiler that Go uses says of itself. Cells are linked with it, and so is GoMLX's XLA.
func CheckC(ctx context.Context) (string, error) {
	const fix = "install a C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install), and don't set CGO_ENABLED=0"
	out, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return "", err // CheckGo says what to do
	}
	enabled, cc, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	words := strings.Fields(cc)
	if len(words) == 0 {
		words = []string{"gcc"}
	}
	out, err = exec.CommandContext(ctx, words[0], append(words[1:], "--version")...).Output()
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("the C compiler %s does not run: %w", words[0], err), fix)
	}
	if enabled != "1" {
		return "", hint.Wrap(errors.New("the go command is told not to use the C compiler (CGO_ENABLED=0)"), fix)
	}
	return firstLine(out), nil
}

// CheckPython returns the version of the Python that GoLab's environment is made with.
func CheckPython(ctx context.Context) (string, error) {
	python, err := venv.FindPython(ctx)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, python, "--version").Output()
	return firstLine(out), err
}
