package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golab/kernel/internal/jupyter/jupytertest"
)

// TestBadInput does to one kernel what users and strangers may do. Each time the reply says what happened, and the next
// cell runs on the values of before, except where the reply says that they are lost.
func TestBadInput(t *testing.T) {
	k := startWith(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "GOPROXY=off") }) // what is missing would be fetched
	k.value("kept := []int{40, 41}\nfunc next() int { kept[0]++; return kept[0] }")
	n := 40
	alive := func() {
		t.Helper()
		n++
		k.expect("next()", fmt.Sprint(n))
	}
	alive()

	for _, bad := range []struct {
		what, code, name string
		contains         []string
	}{
		{"syntax error", "a := 1\nfor i := range 3 {", "compile error", []string{"cell[", ":2:", "for i := range 3 {"}},
		{"no Go at all", "print 'hello'", "compile error", []string{":1:"}},
		{"bytes that are no text", "x := \"\x00\"", "compile error", []string{":1:"}},
		{"type error", "a := 1\nvar s string = kept", "compile error", []string{":2:", "kept", "string"}},
		{"import that does not exist", `import "no/such/package"`, "compile error", []string{":1:", "no/such/package"}},
		{"import of a module that does not exist", "import \"nowhere.invalid/none\"\nnone.F()", "missing module", []string{"nowhere.invalid/none"}},
		{"nil dereference", "var p *struct{ f int }\n\np.f = 1", "panic", []string{"nil pointer dereference", ":3"}},
		{"nil map", "var m map[string]int\nm[`a`] = 1", "panic", []string{"nil map", ":2"}},
		{"index", "kept[len(kept)]", "panic", []string{"index out of range"}},
		{"panic", "panic(errors.New(`why not`))", "panic", []string{"why not", ":1"}},
	} {
		k.fails(bad.code, bad.name, bad.contains...)
		if t.Failed() {
			t.Fatalf("after: %s", bad.what)
		}
		alive()
	}

	t.Run("endless loop", func(t *testing.T) {
		for _, code := range []string{"fmt.Println(`go`)\nfor {}", "fmt.Println(`go`)\nfor { kept[1]++ }"} {
			id := k.begin(code)
			// Everything but cells is answered meanwhile.
			if reply, _ := k.Request("shell", "kernel_info_request", object{}); reply.Text("status") != "ok" {
				t.Errorf("kernel_info while a cell runs: %v", reply.Content)
			}
			if reply, _ := k.Request("control", "interrupt_request", object{}); reply.Text("status") != "ok" {
				t.Errorf("interrupt: %v", reply.Content)
			}
			k.isError(code, k.Reply("shell", id), k.rest(id), "interrupted", "values are kept")
			alive()
		}
	})

	t.Run("panic in a goroutine", func(t *testing.T) {
		shown := ""
		cell := "go func() { panic(`in the background`) }()"
		for range 100 { // it panics when it runs, and the cell that runs then tells of it
			reply, outputs := k.Execute(cell)
			if reply.Text("status") != "ok" {
				t.Fatalf("reply %v", reply.Content)
			}
			shown += ansi.ReplaceAllString(text(outputs, "stderr"), "")
			if strings.Contains(shown, "panic in a goroutine: in the background") {
				break
			}
			cell = "runtime.Gosched()"
		}
		if !strings.Contains(shown, "panic in a goroutine: in the background") {
			t.Errorf("shows %q", shown)
		}
		alive()
	})

	t.Run("a gigabyte of output", func(t *testing.T) {
		reply, outputs := k.Execute("line := bytes.Repeat([]byte(\"0123456789abcde\\n\"), 4096)\n" +
			"for range (1 << 30) / len(line) { os.Stdout.Write(line) }\nfmt.Println(`the end`)")
		if reply.Text("status") != "ok" {
			t.Errorf("reply %v", reply.Content)
		}
		shown := text(outputs, "stdout")
		if len(shown) > 16<<20 || !strings.Contains(shown, "only the end of the rest is shown") ||
			!strings.Contains(shown, "bytes of stdout left out") || !strings.HasSuffix(shown, "the end\n") {
			t.Errorf("%d bytes are shown, which end in %q", len(shown), shown[max(0, len(shown)-200):])
		}
		alive()
	})

	t.Run("forged and truncated messages", func(t *testing.T) {
		evil := jupytertest.ExecuteContent("kept[0] = 666")
		bad := map[string]bool{}
		for i, channel := range []string{"shell", "control"} {
			forged, frames := k.Frames("execute_request", evil)
			frames[1] = []byte(strings.Repeat("0", 64))
			k.SendFrames(channel, frames...)
			truncated, frames := k.Frames("execute_request", evil)
			k.SendFrames(channel, frames[:4]...)
			k.log.await(t, "wrong signature", i+1)
			k.log.await(t, "truncated", i+1)
			bad[forged], bad[truncated] = true, true
		}
		alive()
		for _, channel := range []string{"shell", "control", "iopub"} {
			for _, m := range k.Pending(channel) {
				if bad[m.ParentID] {
					t.Errorf("said on %s: %s %v", channel, m.Type, m.Content)
				}
			}
		}
	})

	t.Run("os.Exit", func(t *testing.T) {
		before := k.workerPID()
		k.fails("os.Exit(3)", "worker died", "exit status 3", "lost: the values of", "kept")
		k.fails("next()", "compile error", "kept") // its value is lost, and that is what using it says
		k.expect("kept := []int{1}\nnext()", "2")
		if now := k.workerPID(); now == before {
			t.Error("the worker is the same")
		}
	})
}

// TestManyCells runs 200 cells on one live value.
func TestManyCells(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 20
	}
	k := start(t)
	k.value("type model struct{ steps int }\nfunc (m *model) step() { m.steps++ }\nm := &model{}\nearly := m.step")
	for i := range n {
		k.expect(fmt.Sprintf("m.step()\nearly()\nstep%d := m.steps\nstep%d", i%9, i%9), fmt.Sprint(2*i+2))
	}
}

func TestShutdownLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(k *kernel)
	}{
		{"when idle", func(k *kernel) {
			if reply, _ := k.Request("control", "shutdown_request", object{"restart": false}); reply.Text("status") != "ok" {
				t.Errorf("reply %v", reply.Content)
			}
		}},
		{"while a cell runs", func(k *kernel) {
			k.begin("fmt.Println(`go`); for {}")
			k.Send("control", "shutdown_request", object{"restart": true})
		}},
		{"by SIGTERM", func(k *kernel) {
			k.begin("fmt.Println(`go`); for {}")
			k.cmd.Process.Signal(syscall.SIGTERM)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := start(t)
			worker := k.workerPID()
			test.end(k)
			k.waitExit()
			if status := k.cmd.ProcessState.ExitCode(); status != 0 {
				t.Errorf("exit status %d", status)
			}
			// The kernel has waited for its worker, so there is nothing to wait for here.
			if err := syscall.Kill(worker, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the worker is still there: %v", err)
			}
			if left := k.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRunNotebook(t *testing.T) {
	for _, test := range []struct {
		name   string
		cells  []string
		status int
		stderr string   // is in it
		out    []string // are in the notebook that is written
	}{
		{"all well", []string{"x := 20\nfmt.Println(`hello`)", "x*2 + 2"}, 0, "", []string{`"hello\n"`, `"42"`}},
		{"second fails", []string{"fmt.Println(`hello`)", "var p *int\n*p = 1", "fmt.Println(`never`)"}, 1, "cell In [2] (var p *int …) failed: panic: ",
			[]string{`"hello\n"`, "nil pointer dereference"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in.ipynb"), filepath.Join(dir, "out.ipynb")
			writeNotebook(t, in, test.cells)
			cmd := exec.Command(binary, "run", in, "-o", out)
			tmp := t.TempDir()
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != test.status || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("%v, stderr %s", err, stderr.String())
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range test.out {
				if !strings.Contains(string(data), s) {
					t.Errorf("the notebook lacks %s:\n%s", s, data)
				}
			}
			if _, outputs, _ := strings.Cut(string(data), `"outputs"`); strings.Contains(outputs, `"never\n"`) {
				t.Error("a cell after the one that failed ran")
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func writeNotebook(t *testing.T, path string, codes []string) {
	t.Helper()
	cells := []object{}
	for i, code := range codes {
		cells = append(cells, object{"cell_type": "code", "execution_count": nil, "id": fmt.Sprint("c", i), "metadata": object{}, "outputs": []any{}, "source": code})
	}
	data, err := json.Marshal(object{"cells": cells, "metadata": object{}, "nbformat": 4, "nbformat_minor": 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
