package jupyter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/jupyter/jupytertest"
	"golab/kernel/nb"
)

func TestCommMessagesReachTheEngine(t *testing.T) {
	got := make(chan nb.CommMessage, 100)
	k := start(t, &jupytertest.Engine{OnComm: func(m nb.CommMessage) { got <- m }})
	k.engine.SetComms(map[string]string{"c1": "a"})
	// Also while a cell runs.
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("wait a"))
	<-k.engine.Waiting("a")
	binary := []byte{0, 1, 0xff, '<', 'I', 'D', 'S', '|', 'M', 'S', 'G', '>'}
	for _, test := range []struct {
		message jupytertest.Outgoing
		want    nb.CommMessage
	}{
		{
			jupytertest.Outgoing{Type: "comm_open", Content: object{"comm_id": "c1", "target_name": "a", "data": object{"x": 1}}, Metadata: object{"version": "2.1.0"}},
			nb.CommMessage{Type: "comm_open", ID: "c1", Target: "a", Data: json.RawMessage(`{"x":1}`), Metadata: object{"version": "2.1.0"}},
		}, {
			jupytertest.Outgoing{Type: "comm_msg", Content: object{"comm_id": "c1", "data": object{}}, Buffers: [][]byte{binary, {}, []byte("<IDS|MSG>")}},
			nb.CommMessage{Type: "comm_msg", ID: "c1", Data: json.RawMessage(`{}`), Metadata: object{}, Buffers: [][]byte{binary, {}, []byte("<IDS|MSG>")}},
		}, {
			jupytertest.Outgoing{Type: "comm_msg", Content: object{"comm_id": "c1"}},
			nb.CommMessage{Type: "comm_msg", ID: "c1", Data: json.RawMessage(`{}`), Metadata: object{}},
		}, {
			jupytertest.Outgoing{Type: "comm_close", Content: object{"comm_id": "c1", "data": nil}},
			nb.CommMessage{Type: "comm_close", ID: "c1", Data: json.RawMessage(`{}`), Metadata: object{}},
		},
	} {
		id := k.SendMessage("shell", test.message)
		m := <-got
		expect(t, "message", fmt.Sprintf("%s %s %s %s %v", m.Type, m.ID, m.Target, m.Data, m.Metadata),
			fmt.Sprintf("%s %s %s %s %v", test.want.Type, test.want.ID, test.want.Target, test.want.Data, test.want.Metadata))
		if len(m.Buffers) != len(test.want.Buffers) {
			t.Fatalf("%d buffers, want %d", len(m.Buffers), len(test.want.Buffers))
		}
		for i := range m.Buffers {
			if !bytes.Equal(m.Buffers[i], test.want.Buffers[i]) {
				t.Errorf("buffer %d is %q", i, m.Buffers[i])
			}
		}
		expect(t, "said of it", shown(k.Outputs(id)), []string(nil))
	}
	// All of one client's arrive in order.
	for i := range 50 {
		k.Send("shell", "comm_msg", object{"comm_id": "c1", "data": object{"i": i}})
	}
	for i := range 50 {
		expect(t, "in order", string((<-got).Data), fmt.Sprintf(`{"i":%d}`, i))
	}
	k.engine.Release("a")
	k.Reply("shell", cell)
}

func TestMalformedCommMessagesAreDropped(t *testing.T) {
	k := start(t, &jupytertest.Engine{OnComm: func(m nb.CommMessage) { t.Errorf("the engine got %v", m) }})
	seen := 0
	for _, content := range []any{
		object{}, object{"comm_id": ""}, object{"comm_id": 7}, object{"comm_id": "c", "data": []int{}}, object{"comm_id": "c", "data": "{}"},
		object{"comm_id": "c", "target_name": 1},
	} {
		for _, typ := range []string{"comm_open", "comm_msg", "comm_close"} {
			expect(t, "said of it", len(k.Outputs(k.Send("shell", typ, content))), 0)
			expect(t, "lines in the log", len(newLines(k, &seen)), 1)
		}
	}
}

func TestCommMessagesOfCells(t *testing.T) {
	sent := []nb.CommMessage{
		{Type: "comm_open", ID: "c", Target: "jupyter.widget", Data: json.RawMessage(`{"state":{}}`), Metadata: object{"version": "2.1.0"}, Buffers: [][]byte{{1, 2}}},
		{Type: "comm_msg", ID: "c", Data: json.RawMessage(`{"a":"<&>"}`), Buffers: [][]byte{{}, {0xff}}},
		{Type: "comm_close", ID: "c"},
	}
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"comms": func(_ engine.Request, out engine.Sink) {
			for _, m := range sent {
				out.Comm(m)
			}
		},
	}})
	for _, silent := range []bool{false, true} {
		content := jupytertest.ExecuteContent("call comms")
		content["silent"] = silent
		_, outputs := k.Request("shell", "execute_request", content)
		if !silent {
			outputs = outputs[1:] // execute_input
		}
		if len(outputs) != 3 {
			t.Fatalf("%d messages", len(outputs))
		}
		expect(t, "open", outputs[0].Content, object{"comm_id": "c", "target_name": "jupyter.widget", "data": object{"state": object{}}})
		expect(t, "metadata", outputs[0].Metadata, object{"version": "2.1.0"})
		expect(t, "buffers", outputs[0].Buffers, [][]byte{{1, 2}})
		expect(t, "msg", outputs[1].Content, object{"comm_id": "c", "data": object{"a": "<&>"}})
		expect(t, "buffers", outputs[1].Buffers, [][]byte{{}, {0xff}})
		expect(t, "close", outputs[2].Content, object{"comm_id": "c", "data": object{}})
	}
}

func TestCommInfo(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	reply, _ := k.Request("shell", "comm_info_request", object{})
	expect(t, "comms", reply.Content["comms"], object{})
	k.engine.SetComms(map[string]string{"1": "a", "2": "b", "3": "a"})
	for target, want := range map[any]object{
		"":  {"1": object{"target_name": "a"}, "2": object{"target_name": "b"}, "3": object{"target_name": "a"}},
		nil: {"1": object{"target_name": "a"}, "2": object{"target_name": "b"}, "3": object{"target_name": "a"}},
		"a": {"1": object{"target_name": "a"}, "3": object{"target_name": "a"}},
		"c": {},
	} {
		reply, _ := k.Request("control", "comm_info_request", object{"target_name": target})
		expect(t, fmt.Sprint(target), reply.Content["comms"], want)
	}
	reply, _ = k.Request("shell", "comm_info_request", object{"target_name": 1})
	expect(t, "wrong content", reply.Text("ename"), "bad request")
}

// TestAnswersBelongToTheMessage: what the engine answers on a comm has that message as its parent, before the first cell and
// after it.
func TestAnswersBelongToTheMessage(t *testing.T) {
	k := start(t, &jupytertest.Engine{}) // refuses
	for _, id := range []string{"before", "after"} {
		outputs := k.Outputs(k.Send("shell", "comm_open", object{"comm_id": id, "target_name": "t", "data": object{}}))
		expect(t, id, []any{len(outputs), outputs[0].Type, outputs[0].Text("comm_id")}, []any{1, "comm_close", id})
		k.Execute("print x")
	}
	k.engine.SetComms(map[string]string{"known": "t"})
	expect(t, "known", len(k.Outputs(k.Send("shell", "comm_open", object{"comm_id": "known", "target_name": "t", "data": object{}}))), 0)
}

// TestScriptsAreNotLeftOut: an update that runs a script in the page is an action, which a later one does not undo.
func TestScriptsAreNotLeftOut(t *testing.T) {
	const n = 200
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"scripts": func(_ engine.Request, out engine.Sink) {
			out.Display(nb.Output{ID: "d", Data: nb.Bundle{"text/html": ""}})
			for i := range n {
				out.Display(nb.Output{ID: "d", Update: true, Data: nb.Bundle{"text/html": fmt.Sprintf("<script>f(%d)</script>", i)}})
				out.Display(nb.Output{ID: "d", Update: true, Data: nb.Bundle{"text/html": ""}})
			}
		},
	}})
	_, outputs := k.Execute("call scripts")
	next := 0
	for _, m := range outputs {
		data, _ := m.Content["data"].(object)
		if data["text/html"] == fmt.Sprintf("<script>f(%d)</script>", next) {
			next++
		}
	}
	expect(t, "scripts", next, n)
}
