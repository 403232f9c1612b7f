package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	ps "github.com/shirou/gopsutil/v4/process"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// systemCommands are those about GoLab itself.
var systemCommands = []*command{
	{name: "help", usage: "[COMMAND]", about: "list the commands, or tell about one", args: commandsNamed, plain: true, run: help},
	{name: "memory", about: "tell what the session's processes take", when: inPlace, run: memory},
	{name: "backend", usage: "[NAME]", about: "tell or choose where models compute: go, xla:cpu, cuda or auto", run: backend,
		more: "It is mlx.UseBackend for the running worker, and $GOLAB_BACKEND for later ones. Models move at their next use."},
	{name: "doctor", about: "check GoLab's installation", run: doctor},
	{name: "version", about: "tell the versions of Go, GoLab's modules and the platform", run: version},
}

// memory is %memory.
func memory(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	c.print("front    %9s\n", bytesText(residentSize(os.Getpid())))
	w := s.runningWorker()
	if w == nil {
		c.print("there is no worker: it starts with the next cell\n")
		return nil
	}
	c.print("worker   %9s\n", bytesText(residentSize(w.cmd.Process.Pid)))
	if m, ok := s.Memory(); ok {
		c.print("  values %9s in %d objects on Go's heap\n", bytesText(int64(m.HeapLive)), m.Objects)
		c.print("  Go has %9s of the system; %d garbage collections so far, %d goroutines\n", bytesText(int64(m.System)), m.Collected, m.Goroutines)
	}
	return nil
}

// residentSize is the memory that a process takes; -1 if that can't be found out.
func residentSize(pid int) int64 {
	p := ps.Process{Pid: int32(pid)}
	info, err := p.MemoryInfo()
	if err != nil {
		return -1
	}
	return int64(info.RSS)
}

// backend is %backend.
func backend(ctx context.Context, s *Session, c *call) *engine.Error {
	const pkg = "ʼmlx" // cells can't mean anything else by it
	rec := &recording{}
	shown := c.r.out
	code := "import " + pkg + " \"golab/mlx\"\n" + pkg + ".BackendName()"
	if c.Args != "" {
		words, fail := c.words()
		if fail != nil {
			return fail
		}
		code = "import " + pkg + " \"golab/mlx\"\n" + pkg + ".UseBackend(" + strconv.Quote(strings.Join(words, " ")) + ")"
	}
	s.divert(c.r, rec)
	fail := s.part(ctx, c.r, c.r.src.Name, code, nil)
	s.divert(c.r, shown)
	s.mu.Lock()
	s.state.Remove(pkg, s.gen)
	s.mu.Unlock()
	switch {
	case fail != nil && fail.Name == "error":
		return c.failf("%s", strings.TrimPrefix(fail.Value, "mlx: "))
	case fail != nil:
		return fail
	}
	if c.Args == "" {
		for _, o := range rec.Outputs {
			if text, ok := o.Data["text/plain"].(string); ok {
				if name, err := strconv.Unquote(text); err == nil {
					text = name
				}
				c.print("%s\n", text)
			}
		}
		return nil
	}
	s.settings.mu.Lock()
	s.settings.env["GOLAB_BACKEND"] = c.Args
	delete(s.settings.gone, "GOLAB_BACKEND")
	s.settings.mu.Unlock()
	s.change(pipe.Settings{Env: map[string]string{"GOLAB_BACKEND": c.Args}})
	c.print("models compute on %s from here on\n", c.Args)
	return nil
}

// doctor is %doctor: the installer's own checks.
func doctor(ctx context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	p := program{argv: []string{s.base.Go(), "run", "./install", "doctor"}, dir: s.base.Root, env: s.base.Env()}
	err := s.runProgram(ctx, c.r, p)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return c.interrupted()
	case errors.As(err, &exit):
		return c.failf("GoLab is not complete; do what the lines marked ✗ say")
	case err != nil:
		return c.failf("the checks can't be run: %v", err)
	}
	return nil
}

// gonbModule is the module whose gonbui cells may use.
const gonbModule = "github.com/janpfeifer/gonb"

// shownModules are those whose versions %version tells.
var shownModules = []string{"github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/gomlx/go-xla", "github.com/go-gota/gota", "github.com/go-echarts/go-echarts/v2", gonbModule}

// version is %version.
func version(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	b := &strings.Builder{}
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, v := range info.Settings {
			if v.Key == "vcs.revision" {
				revision = " " + v.Value[:min(12, len(v.Value))]
			}
		}
	}
	fmt.Fprintf(b, "GoLab%s, %s, %s/%s\n", revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(b, "sources  %s\n", s.base.Root)
	have := s.moduleVersions()
	for _, m := range shownModules {
		if have[m] != "" {
			fmt.Fprintf(b, "%s %s\n", m, have[m])
		}
	}
	text := strings.TrimSuffix(b.String(), "\n")
	c.r.out.Display(nb.Output{Data: nb.Bundle{"text/plain": text}})
	return nil
}

// moduleVersions is GoLab's requirements, by module.
func (s *Session) moduleVersions() map[string]string {
	versions := map[string]string{}
	data, err := os.ReadFile(s.base.Root + "/go.mod")
	if err != nil {
		return versions
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(f) >= 2 && strings.HasPrefix(f[1], "v") {
			versions[f[0]] = f[1]
		}
	}
	return versions
}

// gonbVersion is GoNB's variables for shell commands that tell its version.
func (s *Session) gonbVersion() []string {
	if v := s.moduleVersions()[gonbModule]; v != "" {
		return []string{"GONB_VERSION=" + v}
	}
	return nil
}
