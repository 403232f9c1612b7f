package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
)

// mayTrace skips the test where one process may not trace another, as in containers without that privilege.
func mayTrace(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	pid := cmd.Process.Pid
	if err := syscall.PtraceAttach(pid); err != nil {
		t.Skipf("processes can't be traced here: %v", err)
	}
	syscall.Wait4(pid, nil, 0, nil)
	if err := syscall.PtraceDetach(pid); err != nil {
		t.Fatal(err)
	}
}

// JupyterLab's debugger panel on live cells.
func TestDebuggerInJupyterLab(t *testing.T) {
	findBrowser(t)
	root := installed(t)
	mayTrace(t)
	shots := artifacts(t, root, "debugger")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "debugged.ipynb"), []byte(debugged), 0o644); err != nil {
		t.Fatal(err)
	}
	type panel struct{ Calls, Variables string }
	var saw struct {
		Console         []string
		Stopped, Inside panel
		Result, Again   string
	}
	inBrowser(t, root, dir, "debugger.mjs", map[string]any{"notebook": "debugged.ipynb", "shots": shots}, &saw)
	for _, line := range saw.Console {
		t.Errorf("browser console: %s", line)
	}
	for _, c := range []struct{ what, got, want string }{
		{"calls at the breakpoint", saw.Stopped.Calls, `cell\[3\]`},
		{"variables at the breakpoint", saw.Stopped.Variables, `(?s)name\W+"net".*x\W+5`},
		{"calls in the function", saw.Inside.Calls, `(?s)scale.*cell\[3\]`},
		{"variables in the function", saw.Inside.Variables, `\bn\W+5`},
		{"result", saw.Result, `Point\{X: 15, Y: 3\}`},
		{"result without the debugger", saw.Again, `Point\{X: 15, Y: 3\}`},
	} {
		if !regexp.MustCompile(c.want).MatchString(c.got) {
			t.Errorf("%s: %q, want %s", c.what, c.got, c.want)
		}
	}
}

const debugged = `{"cells": [
 {"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": "type Point struct{ X, Y int }\nrate := 3"},
 {"cell_type": "code", "execution_count": null, "id": "b", "metadata": {}, "outputs": [], "source": "func scale(n int) int {\n\ttotal := n * rate\n\treturn total\n}"},
 {"cell_type": "code", "execution_count": null, "id": "c", "metadata": {}, "outputs": [], "source": "x := 5\nname := \"net\"\ny := scale(x)\np := &Point{y, len(name)}\np"}
], "metadata": {"kernelspec": {"display_name": "Go (GoLab)", "language": "go", "name": "golab"}, "language_info": {"name": "go"}}, "nbformat": 4, "nbformat_minor": 5}`
