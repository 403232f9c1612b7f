package main

import (
	"fmt"
	"strings"
	"testing"

	"golab/kernel/internal/jupyter/jupytertest"
)

// TestInput: what cells read from standard input is asked of the client that runs them, and an interrupt ends the wait.
func TestInput(t *testing.T) {
	k := start(t)
	cell := k.Send("shell", "execute_request", jupytertest.ExecuteContent("var name string\nfmt.Print(\"name? \")\nfmt.Scanln(&name)\nname"))
	q := k.Question(cell)
	if q.Content["password"] != false {
		t.Errorf("question %v", q.Content)
	}
	k.Answer(q, "Ada")
	if reply := k.Reply("shell", cell); reply.Text("status") != "ok" {
		t.Error(reply.Content)
	}
	if out := fmt.Sprint(k.rest(cell)); !strings.Contains(out, "Ada") {
		t.Errorf("outputs %s", out)
	}
	k.value("n := 7")
	cell = k.Send("shell", "execute_request", jupytertest.ExecuteContent("fmt.Scan(&n)\nn = 0"))
	q = k.Question(cell)
	k.Request("control", "interrupt_request", object{})
	if reply := k.Reply("shell", cell); reply.Text("ename") != "interrupted" {
		t.Errorf("reply %v", reply.Content)
	}
	k.Answer(q, "12") // too late
	k.expect("n", "7")
	cell = k.Send("shell", "execute_request", jupytertest.ExecuteContent("pw, err := nb.Password(\"secret: \")\nfmt.Println(len(pw), err)"))
	q = k.Question(cell)
	if q.Content["password"] != true || q.Text("prompt") != "secret: " {
		t.Errorf("question %v", q.Content)
	}
	k.Answer(q, "hush")
	k.Reply("shell", cell)
	if out := text(k.rest(cell), "stdout"); out != "4 <nil>\n" {
		t.Errorf("printed %q", out)
	}
	content := jupytertest.ExecuteContent("fmt.Scan(&n)")
	content["allow_stdin"] = false
	k.Request("shell", "execute_request", content) // does not wait
	k.expect("n", "7")
}
