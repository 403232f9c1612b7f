package jupyter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"golab/kernel/internal/jupyter/jupytertest"
)

func dap(seq int, command string) object {
	return object{"type": "request", "seq": seq, "command": command, "arguments": object{}}
}

// response is what the debugger of these tests answers.
func response(request json.RawMessage, body object) json.RawMessage {
	var r struct {
		Seq     int    `json:"seq"`
		Command string `json:"command"`
	}
	json.Unmarshal(request, &r)
	raw, _ := json.Marshal(object{"type": "response", "request_seq": r.Seq, "success": true, "command": r.Command, "body": body})
	return raw
}

func TestDebug(t *testing.T) {
	k := start(t, &jupytertest.Engine{OnDebug: func(_ context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage {
		event(json.RawMessage(`{"type":"event","event":"initialized"}`))
		go event(json.RawMessage(`{"type":"event","event":"stopped","body":{"threadId":1}}`)) // may come after the reply
		return response(request, object{"isStarted": true})
	}})
	reply, _ := k.Request("shell", "kernel_info_request", object{})
	expect(t, "debugger", []any{reply.Content["debugger"], reply.Content["supported_features"]}, []any{true, []any{"debugger"}})
	// Also while a cell runs.
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a"))
	<-k.engine.Waiting("a")
	id := k.Send("control", "debug_request", dap(7, "debugInfo"))
	expect(t, "reply", k.Reply("control", id).Content, object{
		"type": "response", "request_seq": 7.0, "success": true, "command": "debugInfo", "body": object{"isStarted": true},
	})
	var events []any
	for idle := false; !idle || len(events) < 2; {
		m := k.Next(id)
		if m.Type == "debug_event" {
			events = append(events, m.Content["event"])
		}
		idle = idle || m.Text("execution_state") == "idle"
	}
	expect(t, "events", events, []any{"initialized", "stopped"})
	k.engine.Release("a")
	k.Reply("shell", cell)
}

func TestNoDebugger(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	reply, _ := k.Request("control", "kernel_info_request", object{})
	expect(t, "debugger", []any{reply.Content["debugger"], reply.Content["supported_features"]}, []any{false, []any{}})
	reply, _ = k.Request("control", "debug_request", dap(3, "initialize"))
	expect(t, "reply", []any{reply.Content["success"], reply.Content["request_seq"], reply.Content["command"]}, []any{false, 3.0, "initialize"})
}

// TestDebuggerThatFails: whatever it does, there is a valid response.
func TestDebuggerThatFails(t *testing.T) {
	k := start(t, &jupytertest.Engine{OnDebug: func(_ context.Context, request json.RawMessage, event func(json.RawMessage)) json.RawMessage {
		event(nil)
		event(json.RawMessage(`[]`))
		var r struct{ Command string }
		json.Unmarshal(request, &r)
		if r.Command == "panic" {
			panic("at the debugger")
		}
		return json.RawMessage(r.Command)
	}})
	for _, command := range []string{"panic", "", "[]", "{", "nonsense"} {
		reply, outputs := k.Request("control", "debug_request", dap(1, command))
		expect(t, command, []any{reply.Content["success"], len(outputs)}, []any{false, 0})
	}
	reply, _ := k.Request("control", "debug_request", object{"seq": "x", "command": 7})
	expect(t, "wrong content", reply.Content["success"], false)
}

// TestDebugOrder: requests reach the debugger one after another, except those that end what it waits in; and the control
// channel answers others meanwhile.
func TestDebugOrder(t *testing.T) {
	begun, stop := make(chan string, 100), make(chan struct{})
	k := start(t, &jupytertest.Engine{OnDebug: func(ctx context.Context, request json.RawMessage, _ func(json.RawMessage)) json.RawMessage {
		var r struct{ Command string }
		json.Unmarshal(request, &r)
		begun <- r.Command
		switch r.Command {
		case "evaluate":
			<-stop
		case "disconnect":
			close(stop)
		}
		return response(request, nil)
	}})
	var ids []string
	send := func(command string) { ids = append(ids, k.Send("control", "debug_request", dap(len(ids), command))) }
	send("evaluate")
	expect(t, "first", <-begun, "evaluate")
	for i := range 5 {
		send(fmt.Sprint("next ", i))
	}
	k.Request("control", "kernel_info_request", object{}) // all of them have been read
	expect(t, "begun", len(begun), 0)
	send("disconnect")
	send("last")
	for _, id := range ids {
		k.Reply("control", id)
	}
	var order []string
	for len(order) < 7 {
		order = append(order, <-begun)
	}
	expect(t, "order", order, []string{"disconnect", "next 0", "next 1", "next 2", "next 3", "next 4", "last"})
}
