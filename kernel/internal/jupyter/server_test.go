package jupyter_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/history"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
	"golab/kernel/nb"
)

type object = map[string]any

// logBuffer is a log that tests read.
type logBuffer struct {
	mu      sync.Mutex
	changed sync.Cond
	text    bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.Broadcast()
	return b.text.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSpace(b.text.String()), "\n")
}

// await waits until text was logged.
func (b *logBuffer) await(t *testing.T, text string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed.L == nil {
		b.changed.L = &b.mu
	}
	late := false
	giveUp := time.AfterFunc(time.Minute, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.changed.Broadcast()
	})
	defer giveUp.Stop()
	for !strings.Contains(b.text.String(), text) {
		if late {
			t.Fatalf("the log does not say %q", text)
		}
		b.changed.Wait()
	}
}

// kernel is a server that runs within the test.
type kernel struct {
	*jupytertest.Client
	file   string
	engine *jupytertest.Engine
	log    *logBuffer
	ended  chan error // has Serve's result
}

func start(t *testing.T, eng *jupytertest.Engine) *kernel {
	return startAt(t, jupytertest.ConnectionFile(t), eng)
}

func startAt(t *testing.T, file string, eng *jupytertest.Engine) *kernel {
	return startWith(t, file, eng, history.InMemory())
}

func startWith(t *testing.T, file string, eng *jupytertest.Engine, hist *history.History) *kernel {
	t.Helper()
	k := &kernel{file: file, engine: eng, log: &logBuffer{}, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var server sync.WaitGroup
	server.Go(func() { k.ended <- jupyter.Serve(ctx, file, eng, hist, slog.New(slog.NewTextHandler(k.log, nil))) })
	t.Cleanup(func() {
		cancel()
		server.Wait()
	})
	k.Client = jupytertest.Dial(t, file)
	return k
}

// shown is a short form of outputs: "type text".
func shown(outputs []jupytertest.Message) []string {
	var all []string
	for _, m := range outputs {
		var what any
		switch m.Type {
		case "stream":
			what = m.Text("name") + " " + m.Text("text")
		case "execute_input":
			what = m.Content["execution_count"]
		case "display_data", "update_display_data", "execute_result":
			what = m.Content["data"]
		case "error":
			what = m.Text("ename") + ": " + m.Text("evalue")
		case "clear_output":
			what = m.Content["wait"]
		}
		all = append(all, strings.TrimSuffix(fmt.Sprint(m.Type, " ", what), "\n"))
	}
	return all
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestKernelInfo(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for _, channel := range []string{"shell", "control"} {
		reply, outputs := k.Request(channel, "kernel_info_request", object{})
		info := reply.Content["language_info"].(object)
		expect(t, "implementation", reply.Text("implementation"), "golab")
		expect(t, "language", []any{info["name"], info["file_extension"], info["mimetype"]}, []any{"go", ".go", "text/x-go"})
		expect(t, "outputs", len(outputs), 0)
	}
	expect(t, "heartbeat", k.Heartbeat("ping"), "ping")
	expect(t, "second heartbeat", k.Heartbeat("pong"), "pong")
}

func TestTCP(t *testing.T) {
	k := startAt(t, jupytertest.ConnectionFileTCP(t), &jupytertest.Engine{})
	_, outputs := k.Execute("print hello")
	expect(t, "outputs", shown(outputs), []string{"execute_input 1", "stream stdout hello"})
}

func TestUnsignedWithoutKey(t *testing.T) {
	file := jupytertest.ConnectionFile(t)
	data, _ := os.ReadFile(file)
	var c object
	json.Unmarshal(data, &c)
	c["key"] = ""
	data, _ = json.Marshal(c)
	os.WriteFile(file, data, 0o600)
	k := startAt(t, file, &jupytertest.Engine{})
	reply, _ := k.Execute("print hello")
	expect(t, "status", reply.Text("status"), "ok")
}

func TestExecuteShowsEverythingInOrder(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	reply, outputs := k.Execute(strings.Join([]string{
		"print one", "print two", "eprint three", "show text/html <b>four</b>", "print five", "id x six", "update x seven",
		"clear wait", "print eight", "clear", "value nine",
	}, "\n"))
	expect(t, "reply", []any{reply.Text("status"), reply.Content["execution_count"]}, []any{"ok", 1.0})
	expect(t, "outputs", shown(outputs), []string{
		"execute_input 1", "stream stdout one\ntwo", "stream stderr three", "display_data map[text/html:<b>four</b>]",
		"stream stdout five", "display_data map[text/plain:six]", "update_display_data map[text/plain:seven]",
		"clear_output true", "stream stdout eight", "clear_output false", "execute_result map[text/plain:nine]",
	})
	for _, m := range outputs {
		if m.Type == "display_data" && m.Content["data"].(object)["text/plain"] == "six" {
			expect(t, "transient", m.Content["transient"], object{"display_id": "x"})
		}
	}
}

func TestBundles(t *testing.T) {
	png := []byte{0x89, 'P', 'N', 'G', 0xff}
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"show": func(_ engine.Request, out engine.Sink) {
			out.Display(nb.Output{
				Data: nb.Bundle{
					"image/png": png, "image/svg+xml": []byte("<svg/>"), "text/html": "<a>&amp;\u2028</a>",
					"application/json": object{"n": 1}, "application/geo+json": []byte(`[1]`), "application/vnd.x.v1+json": func() {},
				},
				Metadata: object{"image/png": object{"width": 10}},
			})
		},
	}})
	_, outputs := k.Execute("call show")
	m := outputs[1]
	expect(t, "metadata", m.Content["metadata"], object{"image/png": object{"width": 10.0}})
	expect(t, "data", m.Content["data"], object{
		"image/png": base64.StdEncoding.EncodeToString(png), "image/svg+xml": "<svg/>", "text/html": "<a>&amp;\u2028</a>",
		"application/json": object{"n": 1.0}, "application/geo+json": []any{1.0},
		"text/plain": "cannot show this as application/vnd.x.v1+json: json: unsupported type: func()",
	})
}

func TestExecuteCounts(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	content := func(code string, change object) object {
		c := jupytertest.ExecuteContent(code)
		for key, v := range change {
			c[key] = v
		}
		return c
	}
	for i, step := range []struct {
		content object
		outputs []string
		count   float64
	}{
		{content("value a", nil), []string{"execute_input 1", "execute_result map[text/plain:a]"}, 1},
		{content("value b\nprint b\nshow text/plain b", object{"silent": true}), nil, 2},
		{content("fail b", object{"silent": true}), nil, 2},
		{content("value c", object{"store_history": false}), []string{"execute_input 2", "execute_result map[text/plain:c]"}, 2},
		{content(" \n", nil), []string{"execute_input 2"}, 2},
		{content("value d", nil), []string{"execute_input 2", "execute_result map[text/plain:d]"}, 2},
		{object{"code": "value e"}, []string{"execute_input 3", "execute_result map[text/plain:e]"}, 3},
	} {
		reply, outputs := k.Request("shell", "execute_request", step.content)
		expect(t, fmt.Sprint(i, " outputs"), shown(outputs), step.outputs)
		expect(t, fmt.Sprint(i, " count"), reply.Content["execution_count"], step.count)
	}
}

func TestUserExpressions(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	content := jupytertest.ExecuteContent("")
	content["user_expressions"] = object{"good": "value 42", "bad": "fail no such thing"}
	reply, outputs := k.Request("shell", "execute_request", content)
	values := reply.Content["user_expressions"].(object)
	expect(t, "good", values["good"], object{"status": "ok", "data": object{"text/plain": "42"}, "metadata": object{}})
	expect(t, "bad", values["bad"].(object)["evalue"], "no such thing")
	expect(t, "outputs", shown(outputs), []string{"execute_input 1"})
}

func TestErrorAbortsTheQueue(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	first := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a\nfail boom"))
	second := k.Send("shell", "execute_request", jupytertest.ExecuteContent("print second"))
	third := k.Send("shell", "execute_request", jupytertest.ExecuteContent("print third"))
	k.Request("shell", "kernel_info_request", object{}) // so all before it have been read
	<-k.engine.Waiting("a")
	k.engine.Release("a")
	reply := k.Reply("shell", first)
	expect(t, "reply", []any{reply.Text("status"), reply.Text("ename"), reply.Text("evalue"), reply.Content["execution_count"]},
		[]any{"error", "failed", "boom", 1.0})
	expect(t, "outputs", shown(k.Outputs(first)), []string{"execute_input 1", "error failed: boom"})
	for _, id := range []string{second, third} {
		expect(t, "queued", k.Reply("shell", id).Text("status"), "aborted")
		expect(t, "outputs of a queued cell", len(k.Outputs(id)), 0)
	}
	reply, _ = k.Execute("print fourth")
	expect(t, "after the abort", []any{reply.Text("status"), reply.Content["execution_count"]}, []any{"ok", 2.0})
}

func TestErrorWithoutStop(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	content := jupytertest.ExecuteContent("wait a\nfail boom")
	content["stop_on_error"] = false
	first := k.Send("shell", "execute_request", content)
	second := k.Send("shell", "execute_request", jupytertest.ExecuteContent("print second"))
	k.Request("shell", "kernel_info_request", object{})
	k.engine.Release("a")
	expect(t, "first", k.Reply("shell", first).Text("status"), "error")
	expect(t, "second", k.Reply("shell", second).Text("status"), "ok")
}

func TestEnginePanicIsTheCellsError(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	reply, _ := k.Execute("panic at the kernel")
	expect(t, "reply", []any{reply.Text("ename"), reply.Text("evalue")}, []any{"kernel error", "at the kernel"})
	reply, _ = k.Execute("print on")
	expect(t, "next", reply.Text("status"), "ok")
}

func TestAnswersWhileACellRuns(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("print before\nwait a"))
	<-k.engine.Waiting("a")
	for _, channel := range []string{"shell", "control"} {
		for _, typ := range []string{"kernel_info", "is_complete", "complete", "inspect", "history", "comm_info"} {
			reply, _ := k.Request(channel, typ+"_request", object{"code": "pr", "cursor_pos": 2, "hist_access_type": "tail"})
			expect(t, "reply", reply.Type, typ+"_reply")
		}
	}
	k.engine.Release("a")
	expect(t, "the cell", k.Reply("shell", cell).Text("status"), "ok")
	// Its state was said again after each of the answers, since clients show the last one that they hear.
	states := 0
	for {
		m := k.Next(cell)
		if m.Text("execution_state") == "idle" {
			break
		}
		if m.Text("execution_state") == "busy" {
			states++
		}
	}
	if states < 13 {
		t.Errorf("the running cell was said to be busy %d times, want 13", states)
	}
}

func TestInterrupt(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for i, interrupt := range []func(){
		func() {
			reply, _ := k.Request("control", "interrupt_request", object{})
			expect(t, "reply", reply.Type, "interrupt_reply")
		},
		func() { syscall.Kill(os.Getpid(), syscall.SIGINT) },
	} {
		name := fmt.Sprint("loop", i)
		cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait "+name))
		<-k.engine.Waiting(name)
		interrupt()
		expect(t, "ename", k.Reply("shell", cell).Text("ename"), "interrupted")
	}
	reply, _ := k.Execute("print on")
	expect(t, "next", reply.Text("status"), "ok")
}

func TestCompleteInspectIsComplete(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	// Positions are code points here and bytes in the engine: "é" and "𝛼" are one of the former.
	reply, _ := k.Request("shell", "complete_request", object{"code": "é𝛼 pri x", "cursor_pos": 6})
	expect(t, "matches", reply.Content["matches"], []any{"print"})
	expect(t, "range", []any{reply.Content["cursor_start"], reply.Content["cursor_end"]}, []any{3.0, 6.0})
	expect(t, "types", reply.Content["metadata"].(object)["_jupyter_types_experimental"],
		[]any{object{"text": "print", "type": "keyword", "start": 3.0, "end": 6.0}})
	reply, _ = k.Request("shell", "inspect_request", object{"code": "é𝛼x", "cursor_pos": 2, "detail_level": 0})
	expect(t, "inspect", []any{reply.Content["found"], reply.Content["data"]}, []any{true, object{"text/plain": "byte 6"}})
	reply, _ = k.Request("shell", "inspect_request", object{"code": "", "cursor_pos": 0})
	expect(t, "inspect nothing", reply.Content["found"], false)
	reply, _ = k.Request("shell", "complete_request", object{"code": "p", "cursor_pos": 99})
	expect(t, "cursor beyond the end", reply.Content["cursor_end"], 1.0)
	reply, _ = k.Request("shell", "is_complete_request", object{"code": "func f() {"})
	expect(t, "incomplete", []any{reply.Text("status"), reply.Text("indent")}, []any{"incomplete", "\t"})
	reply, _ = k.Request("shell", "is_complete_request", object{"code": "f()"})
	expect(t, "complete", reply.Text("status"), "complete")
	reply, _ = k.Request("shell", "complete_request", object{"code": 7})
	expect(t, "wrong content", reply.Text("ename"), "bad request")
}

func TestHistory(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for _, code := range []string{"print a", "value b", "print a", "print (c) [d]"} {
		k.Execute(code)
	}
	for _, test := range []struct {
		request object
		want    []any
	}{
		{object{"hist_access_type": "tail", "n": 2}, []any{[]any{1.0, 3.0, "print a"}, []any{1.0, 4.0, "print (c) [d]"}}},
		{object{"hist_access_type": "range", "session": 0, "start": 2, "stop": 3, "output": true}, []any{[]any{1.0, 2.0, []any{"value b", "b"}}}},
		{object{"hist_access_type": "range", "session": -1, "start": 0, "stop": 3}, []any{}},
		{object{"hist_access_type": "search", "pattern": "*a", "unique": true}, []any{[]any{1.0, 3.0, "print a"}}},
		{object{"hist_access_type": "search", "pattern": "p*(?) [d]", "n": 1}, []any{[]any{1.0, 4.0, "print (c) [d]"}}},
	} {
		reply, _ := k.Request("shell", "history_request", test.request)
		expect(t, fmt.Sprint(test.request), reply.Content["history"], test.want)
	}
}

func TestShutdown(t *testing.T) {
	for _, channel := range []string{"shell", "control"} {
		k := start(t, &jupytertest.Engine{})
		k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait forever"))
		<-k.engine.Waiting("forever")
		reply, outputs := k.Request(channel, "shutdown_request", object{"restart": true})
		expect(t, "restart", reply.Content["restart"], true)
		expect(t, "told to all", outputs[0].Type, "shutdown_reply")
		if err := <-k.ended; err != nil {
			t.Error(err)
		}
		k.engine.Release("forever")
	}
}

func TestFlood(t *testing.T) {
	const total = 1 << 30
	chunk := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
	var peak uint64
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"flood": func(_ engine.Request, out engine.Sink) {
			for n := 0; n < total; n += len(chunk) {
				out.Stream("stdout", chunk)
				if n%(100*len(chunk)) == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapAlloc)
				}
			}
			out.Stream("stdout", "the end\n")
			out.Stream("stderr", "not cut\n")
		},
	}})
	reply, outputs := k.Execute("call flood")
	expect(t, "status", reply.Text("status"), "ok")
	var stdout strings.Builder
	for _, m := range outputs {
		if m.Text("name") == "stdout" {
			stdout.WriteString(m.Text("text"))
		}
	}
	if n := stdout.Len(); n < 2_000_000 || n > 2_100_000 {
		t.Errorf("%d bytes arrived", n)
	}
	if !strings.HasSuffix(stdout.String(), "xxx\nthe end\n") || strings.Count(stdout.String(), " bytes of stdout left out]") != 1 {
		t.Errorf("the output ends in %q", stdout.String()[stdout.Len()-100:])
	}
	expect(t, "stderr", shown(outputs)[len(outputs)-2:][0], "stream stderr not cut")
	if peak > 200<<20 {
		t.Errorf("%d MB of heap in use", peak>>20)
	}
}

// TestErrorAbortsWhatArrivesLate: cells that were sent before their client can have known of the error are not run, even if
// they arrive after it.
func TestErrorAbortsWhatArrivesLate(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	begin := time.Now()
	first, failing := k.Frames("execute_request", jupytertest.ExecuteContent("wait a\nfail boom"))
	late, frames := k.Frames("execute_request", jupytertest.ExecuteContent("print late")) // made now, sent after the error
	between := time.Since(begin)
	k.SendFrames("shell", failing...)
	<-k.engine.Waiting("a")
	for running := time.Now(); time.Since(running) <= between; {
		runtime.Gosched()
	}
	k.engine.Release("a")
	expect(t, "first", k.Reply("shell", first).Text("status"), "error")
	k.SendFrames("shell", frames...)
	expect(t, "late", k.Reply("shell", late).Text("status"), "aborted")
	expect(t, "outputs", len(k.Outputs(late)), 0)
	reply, _ := k.Execute("print on")
	expect(t, "next", reply.Text("status"), "ok")
}
