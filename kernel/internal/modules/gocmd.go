package modules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// goError is a go command that failed.
type goError struct {
	args   []string
	output string
	err    error
}

func (e *goError) Error() string {
	return fmt.Sprintf("go %s: %v\n%s", strings.Join(e.args, " "), e.err, e.output)
}

// run runs the go command in the folder and returns what it printed.
func (f *Folder) run(ctx context.Context, args ...string) (string, error) {
	return f.command(ctx, true, args...)
}

// output runs the go command in the folder and returns its standard output.
func (f *Folder) output(ctx context.Context, args ...string) (string, error) {
	return f.command(ctx, false, args...)
}

func (f *Folder) command(ctx context.Context, both bool, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, f.goTool, args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 3 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if both {
		cmd.Stdout = &stderr
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", &goError{args, strings.TrimSpace(stderr.String()), err}
	}
	if both {
		return stderr.String(), nil
	}
	return stdout.String(), nil
}

// modFile is a go.mod as `go mod edit -json` has it.
type modFile struct {
	Module  struct{ Path string }
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

func (m *modFile) versions() map[string]string {
	v := map[string]string{}
	for _, r := range m.Require {
		v[r.Path] = r.Version
	}
	return v
}

func (f *Folder) read(ctx context.Context, file string) (*modFile, error) {
	out, err := f.output(ctx, "mod", "edit", "-json", file)
	if err != nil {
		return nil, shorten(err)
	}
	m := &modFile{}
	return m, json.Unmarshal([]byte(out), m)
}

func (f *Folder) edit(ctx context.Context, args ...string) error {
	if len(args) == 0 {
		return nil
	}
	_, err := f.run(ctx, append([]string{"mod", "edit"}, args...)...)
	return shorten(err)
}

// lines is what the go command said, without progress.
func (e *goError) lines() []string {
	var out []string
	for line := range strings.Lines(e.output) {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(line, "go: ")
		if line != "" && !strings.HasPrefix(line, "downloading ") && !strings.HasPrefix(line, "finding ") && !strings.HasPrefix(line, "trying ") {
			out = append(out, line)
		}
	}
	return out
}

func (e *goError) has(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(e.output, p) })
}

// shorten makes the error of a go command one for the user; others stay what they are.
func shorten(err error) error {
	var e *goError
	if !errors.As(err, &e) {
		return err
	}
	lines := e.lines()
	if len(lines) == 0 {
		return fmt.Errorf("go %s: %w", e.args[0], e.err)
	}
	return errors.New(strings.Join(lines[:min(len(lines), 4)], "\n"))
}

// explain makes the error of `go get args`, and says what to do.
func (f *Folder) explain(ctx context.Context, err error, before *modFile, args []string) error {
	var e *goError
	if !errors.As(err, &e) {
		return err
	}
	short := shorten(err)
	switch {
	case e.has("dial tcp", "no such host", "connection refused", "connection reset", "i/o timeout", "TLS handshake", "network is unreachable", "module lookup disabled"):
		proxy, _ := f.output(ctx, "env", "GOPROXY")
		return fmt.Errorf("%w\nhint: modules come through GOPROXY=%s; if that can't be reached from here, set GOPROXY to one that can (`go env -w GOPROXY=…`)", short, strings.TrimSpace(proxy))
	case e.has("requires go >="):
		return fmt.Errorf("%w\nhint: ask for an older version, or install that Go; the next session will use it", short)
	case e.has("checksum mismatch", "SECURITY ERROR"):
		return fmt.Errorf("%s\nhint: what was downloaded is not what this version was published as: don't use it before you know why", e.lines()[0])
	case e.has("does not contain package", "no Go source files"):
		return short
	}
	// GoLab may need a newer version than was asked for.
	for _, a := range args {
		path, version, ok := strings.Cut(a, "@")
		if !ok || version == "none" {
			continue
		}
		has, err := f.output(ctx, "list", "-mod=mod", "-m", "-f", "{{.Version}}", path)
		if has = strings.TrimSpace(has); err == nil && has != "" && has != version && len(args) == 1 && !f.direct[path] && before.versions()[path] == f.own[path] {
			return fmt.Errorf("GoLab's own modules need %s %s or newer\nhint: `%%get %s@latest`, or leave it at that: it can be imported", path, has, path)
		}
	}
	if e.has("unknown revision", "invalid version", "no matching versions", "404 Not Found", "410 Gone", "no such file or directory") && len(args) == 1 {
		path, version, ok := strings.Cut(args[0], "@")
		if known, err := f.output(ctx, "list", "-mod=mod", "-m", "-versions", "-f", `{{join .Versions " "}}`, path); err == nil && strings.TrimSpace(known) != "" && ok {
			all := strings.Fields(known)
			if n := len(all) - 8; n > 0 {
				all = append([]string{"…"}, all[n:]...)
			}
			return fmt.Errorf("%s has no version %s\nhint: it has %s", path, version, strings.Join(all, ", "))
		}
		return fmt.Errorf("%w\nhint: is the path right? It is what stands behind `module` in its go.mod, or the path of a package in it", short)
	}
	return short
}
