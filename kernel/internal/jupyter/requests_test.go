package jupyter_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/history"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
	"golab/kernel/nb"
)

func TestPayloads(t *testing.T) {
	pages := []engine.Payload{
		{Source: "set_next_input", Text: "x := 1\n", Replace: true},
		{Source: "set_next_input"},
		{Source: "page", Page: nb.Bundle{"text/plain": "doc", "text/html": "<b>doc</b>"}},
		{Source: "page", Page: nb.Bundle{"text/html": "<b>doc</b>"}},
		{Source: "no such thing"},
	}
	k := start(t, &jupytertest.Engine{Results: map[string]engine.Result{
		"well":  {Payload: pages},
		"badly": {Payload: pages, Err: &engine.Error{Name: "failed"}},
	}})
	for _, how := range []string{"well", "badly"} {
		reply, _ := k.Execute("end " + how)
		expect(t, how, reply.Content["payload"], []any{
			object{"source": "set_next_input", "text": "x := 1\n", "replace": true},
			object{"source": "set_next_input", "text": "", "replace": false},
			object{"source": "page", "data": object{"text/plain": "doc", "text/html": "<b>doc</b>"}, "start": 0.0},
			object{"source": "page", "data": object{"text/plain": "", "text/html": "<b>doc</b>"}, "start": 0.0},
		})
	}
	reply, _ := k.Execute("print x")
	expect(t, "none", reply.Content["payload"], []any{})
}

// TestErrorWithMore: what the error's text leaves out follows it, in an output of its own.
func TestErrorWithMore(t *testing.T) {
	k := start(t, &jupytertest.Engine{Results: map[string]engine.Result{
		"x": {Err: &engine.Error{Name: "panic", Value: "v", More: nb.Bundle{"text/html": "<details/>"}}},
	}})
	_, outputs := k.Execute("end x")
	expect(t, "outputs", shown(outputs), []string{"execute_input 1", "error panic: v", "display_data map[text/html:<details/>]"})
	content := jupytertest.ExecuteContent("end x")
	content["silent"] = true
	reply, outputs := k.Request("shell", "execute_request", content)
	expect(t, "silent", []any{reply.Text("ename"), len(outputs)}, []any{"panic", 0})
}

// TestExecuteOnControl: the control channel takes what shell takes; its cells wait in the same queue.
func TestExecuteOnControl(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	first := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a"))
	<-k.engine.Waiting("a")
	second := k.Send("control", "execute_request", jupytertest.ExecuteContent("print second"))
	k.Request("control", "kernel_info_request", object{})
	expect(t, "replies before the first cell ends", len(k.Pending("control")), 0)
	k.engine.Release("a")
	k.Reply("shell", first)
	expect(t, "second", k.Reply("control", second).Content["execution_count"], 2.0)
}

func TestConnect(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	reply, _ := k.Request("shell", "connect_request", object{})
	conn, err := jupyter.ReadConnection(k.file)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "ports", reply.Content, object{
		"status": "ok", "shell_port": float64(conn.ShellPort), "control_port": float64(conn.ControlPort), "iopub_port": float64(conn.IOPubPort),
		"stdin_port": float64(conn.StdinPort), "hb_port": float64(conn.HeartbeatPort),
	})
}

// TestOnlyOnControl: some messages belong there alone.
func TestOnlyOnControl(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	seen := 0
	for _, typ := range []string{"debug_request", "usage_request", "create_subshell_request", "delete_subshell_request", "list_subshell_request"} {
		k.Send("shell", typ, object{})
		k.Request("shell", "kernel_info_request", object{})
		lines := newLines(k, &seen)
		if len(lines) != 1 || !strings.Contains(lines[0], "belongs on the control channel") {
			t.Errorf("%s: log %q", typ, lines)
		}
	}
	expect(t, "replies", len(k.Pending("shell")), 0)
}

// TestSubshells: there are none, and as the protocol has it, requests for them are logged and not replied to.
func TestSubshells(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	seen := 0
	for _, typ := range []string{"create_subshell_request", "delete_subshell_request", "list_subshell_request"} {
		expect(t, "outputs", len(k.Outputs(k.Send("control", typ, object{"subshell_id": "x"}))), 0)
		lines := newLines(k, &seen)
		if len(lines) != 1 || !strings.Contains(lines[0], "no subshells") {
			t.Errorf("%s: log %q", typ, lines)
		}
	}
	expect(t, "replies", len(k.Pending("control")), 0)
	for _, typ := range []string{"execute", "complete", "kernel_info"} {
		content := jupytertest.ExecuteContent("print x")
		id := k.SendMessage("shell", jupytertest.Outgoing{Type: typ + "_request", Subshell: "no-such", Content: content})
		reply := k.Reply("shell", id)
		expect(t, typ, []any{reply.Type, reply.Text("ename")}, []any{typ + "_reply", "unknown subshell"})
		expect(t, "outputs", len(k.Outputs(id)), 0)
	}
}

func TestUsage(t *testing.T) {
	// A shell whose child works all the time.
	shell := exec.Command("sh", "-c", "while :; do :; done & echo $!; wait")
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Skip(err)
	}
	defer shell.Wait()
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(child, syscall.SIGKILL)
	k := start(t, &jupytertest.Engine{Running: []int{shell.Process.Pid, 1 << 22}})
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a")) // also while a cell runs
	<-k.engine.Waiting("a")
	host, _ := os.Hostname()
	worked := false
	for range 1000 {
		reply, _ := k.Request("control", "usage_request", object{})
		expect(t, "host and pid", []any{reply.Content["hostname"], reply.Content["pid"]}, []any{host, float64(os.Getpid())})
		memory := reply.Content["host_virtual_memory"].(object)
		if taken := reply.Content["kernel_memory"].(float64); taken < 1<<20 || taken > memory["total"].(float64) {
			t.Errorf("memory %v of %v", taken, memory)
		}
		if worked = reply.Content["kernel_cpu"].(float64) > 20; worked {
			break
		}
	}
	if !worked {
		t.Error("a process that works all the time is not seen to work")
	}
	k.engine.Release("a")
	k.Reply("shell", cell)
}

func TestHistoryAcrossSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	open := func() *history.History { return history.Open(path, nil) }
	t.Run("first", func(t *testing.T) {
		hist := open()
		defer hist.Close()
		k := startWith(t, jupytertest.ConnectionFile(t), &jupytertest.Engine{}, hist)
		k.Execute("value a")
		k.Execute("print b")
	})
	var seen []engine.HistoryEntry
	hist := open()
	defer hist.Close()
	k := startWith(t, jupytertest.ConnectionFile(t), &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"see": func(req engine.Request, _ engine.Sink) { seen, _ = req.History.Range(-1, 0, -1) },
	}}, hist)
	k.Execute("call see")
	expect(t, "seen by a cell", fmt.Sprint(seen), "[{1 1 value a a} {1 2 print b }]")
	for _, test := range []struct {
		request object
		want    []any
	}{
		{object{"hist_access_type": "tail", "n": 2}, []any{[]any{1.0, 2.0, "print b"}, []any{2.0, 1.0, "call see"}}},
		{object{"hist_access_type": "range", "session": -1, "start": 1, "stop": 2, "output": true}, []any{[]any{1.0, 1.0, []any{"value a", "a"}}}},
		{object{"hist_access_type": "search", "pattern": "* ?", "raw": true, "output": true}, []any{
			[]any{1.0, 1.0, []any{"value a", "a"}}, []any{1.0, 2.0, []any{"print b", nil}}}},
	} {
		reply, _ := k.Request("shell", "history_request", test.request)
		expect(t, fmt.Sprint(test.request), reply.Content["history"], test.want)
	}
	reply, _ := k.Request("shell", "history_request", object{"hist_access_type": "everything"})
	expect(t, "wrong access", reply.Text("ename"), "history error")
}
