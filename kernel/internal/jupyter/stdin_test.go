package jupyter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
)

func TestInput(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	content := jupytertest.ExecuteContent("print before\nask name?\nsecret password?")
	content["user_expressions"] = object{"x": "ask expression?"}
	cell := k.Send("shell", "execute_request", content)
	for _, step := range []struct {
		prompt, value string
		password      bool
	}{{"name?", "Ada ü", false}, {"password?", "", true}, {"expression?", "42", false}} {
		q := k.Question(cell)
		expect(t, "question", q.Content, object{"prompt": step.prompt, "password": step.password})
		// Other requests are answered meanwhile.
		k.Request("shell", "kernel_info_request", object{})
		k.Answer(q, step.value)
	}
	reply := k.Reply("shell", cell)
	expect(t, "status", reply.Text("status"), "ok")
	var text strings.Builder
	for _, m := range k.Outputs(cell) {
		text.WriteString(m.Text("text"))
	}
	expect(t, "printed", text.String(), "before\ngot Ada ü\ngot \ngot 42\n")
}

// TestTextBeforeAQuestionIsSentFirst: a person has to see what was printed before the question.
func TestTextBeforeAQuestionIsSentFirst(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for range 30 { // so that text is paced
		k.Execute("print x")
	}
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("print before\nask ?"))
	q := k.Question(cell)
	for {
		if m := k.Next(cell); m.Type == "stream" {
			expect(t, "text", m.Text("text"), "before\n")
			break
		}
	}
	k.Answer(q, "")
	k.Reply("shell", cell)
}

func TestInputIsRefused(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for name, change := range map[string]func(object){
		"not allowed":  func(c object) { c["allow_stdin"] = false },
		"not said":     func(c object) { delete(c, "allow_stdin") },
		"null allowed": func(c object) { c["allow_stdin"] = nil },
	} {
		content := jupytertest.ExecuteContent("ask ?")
		change(content)
		reply, _ := k.Request("shell", "execute_request", content)
		expect(t, name, reply.Text("evalue"), "nobody can be asked")
	}
}

func TestAnswers(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	for _, test := range []struct {
		name    string
		content any
		parent  func(question, cell object) object
		want    string
	}{
		{"as JupyterLab answers", object{"status": "ok", "value": "a"}, func(q, _ object) object { return q }, "got a\n"},
		{"as jupyter_client answers", object{"value": "b"}, func(q, _ object) object { return nil }, "got b\n"},
		{"by the cell", object{"value": "c"}, func(_, c object) object { return c }, "got c\n"},
		{"end of input", object{"value": "\x04"}, func(q, _ object) object { return q }, "EOF"},
		{"no value", object{"status": "aborted"}, func(q, _ object) object { return q }, "the client answered without a value, with status aborted"},
		{"wrong value", object{"value": 7}, func(q, _ object) object { return q }, "json: "},
	} {
		cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("ask ?"))
		q := k.Question(cell)
		k.SendMessage("stdin", jupytertest.Outgoing{Type: "input_reply", Content: test.content, Parent: test.parent(q.Header, q.Parent)})
		reply := k.Reply("shell", cell)
		text := reply.Text("evalue")
		for _, m := range k.Outputs(cell) {
			if m.Type == "stream" {
				text += m.Text("text")
			}
		}
		if !strings.HasPrefix(text, test.want) {
			t.Errorf("%s: %q, want %q", test.name, text, test.want)
		}
	}
}

// TestStaleAnswers: what answers another question, or comes from another client, is no answer.
func TestStaleAnswers(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	other := jupytertest.Dial(t, k.file)
	first := k.Send("shell", "execute_request", jupytertest.ExecuteContent("ask first?"))
	stale := k.Question(first)
	k.Request("control", "interrupt_request", object{})
	expect(t, "first", k.Reply("shell", first).Text("evalue"), "interrupted")
	k.Answer(stale, "for nobody")
	second := k.Send("shell", "execute_request", jupytertest.ExecuteContent("ask second?"))
	q := k.Question(second)
	k.Answer(stale, "too late")
	other.Answer(q, "meddled")
	k.log.await(t, "another client was asked") // on a connection of its own, so at its own time
	k.SendMessage("stdin", jupytertest.Outgoing{Type: "input_request", Parent: q.Header, Content: object{"value": "wrong type"}})
	k.Answer(q, "right")
	k.Answer(q, "twice")
	reply := k.Reply("shell", second)
	expect(t, "second", reply.Text("status"), "ok")
	var text strings.Builder
	for _, m := range k.Outputs(second) {
		text.WriteString(m.Text("text"))
	}
	expect(t, "printed", text.String(), "got right\n")
	for _, reason := range []string{"it answers an earlier question", "its type is not input_reply"} {
		if !strings.Contains(strings.Join(k.log.lines(), "\n"), reason) {
			t.Errorf("the log does not say %q", reason)
		}
	}
}

// TestManyAsk: goroutines that ask at the same time are asked one after another, and all end with an interrupt.
func TestManyAsk(t *testing.T) {
	const n = 5
	errs := make(chan error, 2*n)
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"many": func(req engine.Request, out engine.Sink) {
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					got, err := req.Input(context.Background(), fmt.Sprint(i), false)
					if err == nil && got != fmt.Sprint("answer ", i) {
						err = fmt.Errorf("%d got %q", i, got)
					}
					errs <- err
				})
			}
			all.Wait()
		},
	}})
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("call many"))
	for range n {
		q := k.Question(cell)
		expect(t, "other questions", len(k.Pending("stdin")), 0)
		k.Answer(q, "answer "+q.Text("prompt"))
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	k.Reply("shell", cell)
	cell = k.Send("shell", "execute_request", jupytertest.ExecuteContent("call many"))
	k.Question(cell)
	k.Request("control", "interrupt_request", object{})
	for range n {
		if err := <-errs; err == nil || err.Error() != "interrupted" {
			t.Error(err)
		}
	}
	k.Reply("shell", cell)
	expect(t, "further questions", len(k.Pending("stdin")), 0)
}

// TestAskingEnds: with the caller's context, and with the cell.
func TestAskingEnds(t *testing.T) {
	outlived := make(chan error, 1)
	k := start(t, &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){
		"impatient": func(req engine.Request, out engine.Sink) {
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(fmt.Errorf("I can't wait"))
			_, err := req.Input(ctx, "?", false)
			out.Stream("stdout", err.Error())
		},
		"outlived": func(req engine.Request, out engine.Sink) {
			begun := make(chan struct{})
			go func() {
				close(begun)
				_, err := req.Input(context.Background(), "?", false)
				outlived <- err
			}()
			<-begun
		},
	}})
	_, outputs := k.Execute("call impatient")
	expect(t, "canceled", shown(outputs)[1], "stream stdout I can't wait")
	k.Execute("call outlived")
	if err := <-outlived; err == nil || !strings.Contains(err.Error(), "the cell has ended") {
		t.Error(err)
	}
}

// TestVanishedClientIsNotAskedForEver: a client goes away while its cell waits for its answer.
func TestVanishedClientIsNotAskedForEver(t *testing.T) {
	defer jupyter.SetAbsence(10 * time.Millisecond)()
	k := start(t, &jupytertest.Engine{})
	ended := make(chan string, 1)
	k.engine.Calls = map[string]func(engine.Request, engine.Sink){"ask": func(req engine.Request, _ engine.Sink) {
		_, err := req.Input(context.Background(), "?", false)
		ended <- fmt.Sprint(err)
	}}
	t.Run("vanished", func(t *testing.T) {
		other := jupytertest.Dial(t, k.file)
		other.Question(other.Send("shell", "execute_request", jupytertest.ExecuteContent("call ask")))
	})
	if err := <-ended; !strings.Contains(err, "the client that ran the cell is gone") {
		t.Error(err)
	}
	reply, _ := k.Execute("print on")
	expect(t, "the next cell", reply.Text("status"), "ok")
}

// TestClientThatComesBackIsAskedAgain: its connection breaks and it connects again under its identity.
func TestClientThatComesBackIsAskedAgain(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	conn, err := jupyter.ReadConnection(k.file)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, port int) zmq4.Socket {
		s := zmq4.NewDealer(ctx, zmq4.WithID(zmq4.SocketIdentity("me")))
		network, address := conn.Address(port)
		if network == "unix" {
			network = "ipc"
		}
		if err := s.Dial(network + "://" + address); err != nil {
			t.Fatal(err)
		}
		return s
	}
	question := func(s zmq4.Socket) (header json.RawMessage) {
		msg, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return msg.Frames[2]
	}
	shell, stdin := dial(t.Context(), conn.ShellPort), dial(t.Context(), conn.StdinPort)
	defer shell.Close()
	_, frames := k.Frames("execute_request", jupytertest.ExecuteContent("ask ?"))
	if err := shell.SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
		t.Fatal(err)
	}
	first := question(stdin)
	stdin.Close()
	stdin = dial(t.Context(), conn.StdinPort)
	defer stdin.Close()
	second := question(stdin)
	if string(first) == string(second) {
		t.Error("the same message was sent twice: clients refuse the second")
	}
	if err := stdin.SendMulti(zmq4.NewMsgFrom(k.Signed(`{"msg_id":"r","msg_type":"input_reply"}`, string(second), "{}", `{"value":"back"}`)...)); err != nil {
		t.Fatal(err)
	}
	msg, err := shell.Recv()
	if err != nil || !strings.Contains(string(msg.Frames[len(msg.Frames)-1]), `"status":"ok"`) {
		t.Errorf("reply %s (%v)", msg.Frames[len(msg.Frames)-1], err)
	}
}

// TestClientWithoutIdentityCannotBeAsked: nothing says which stdin connection is its.
func TestClientWithoutIdentityCannotBeAsked(t *testing.T) {
	k := start(t, &jupytertest.Engine{})
	conn, err := jupyter.ReadConnection(k.file)
	if err != nil {
		t.Fatal(err)
	}
	network, address := conn.Address(conn.ShellPort)
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, frames := k.Frames("execute_request", jupytertest.ExecuteContent("ask ?"))
	c.Write(handshake("DEALER"))
	for i, f := range frames {
		c.Write(frame(i < len(frames)-1, f))
	}
	var id struct {
		ID string `json:"msg_id"`
	}
	json.Unmarshal(frames[2], &id)
	for _, m := range k.Outputs(id.ID) {
		if m.Type == "error" && strings.Contains(m.Text("evalue"), "have no identity") {
			return
		}
	}
	t.Error("no error says why")
}
