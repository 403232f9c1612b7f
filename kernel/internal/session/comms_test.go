package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// page is what a client shows: the text of cells, and the states of widgets, kept as ipywidgets' manager does.
type page struct {
	s *Session

	mu     sync.Mutex
	news   sync.Cond
	text   strings.Builder
	models map[string]map[string]any
	log    []nb.CommMessage
	n      int // cells
}

func newPage(t *testing.T) *page {
	p := &page{s: open(t), models: map[string]map[string]any{}}
	p.news.L = &p.mu
	p.s.Attach(p)
	return p
}

func (p *page) Stream(_, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.WriteString(ansi.ReplaceAllString(text, ""))
	p.news.Broadcast()
}

func (p *page) Display(o nb.Output) {
	p.Stream("", fmt.Sprintf("[display %v]\n", o.Data["text/plain"]))
}
func (p *page) Result(b nb.Bundle) { p.Stream("", fmt.Sprintf("=> %v\n", b["text/plain"])) }
func (p *page) Clear(bool)         { p.Stream("", "[clear]\n") }

func (p *page) Comm(m nb.CommMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.news.Broadcast()
	p.log = append(p.log, m)
	var data struct{ State map[string]any }
	json.Unmarshal(m.Data, &data)
	switch m.Type {
	case "comm_open":
		p.models[m.ID] = data.State
	case "comm_msg":
		if p.models[m.ID] != nil {
			maps.Copy(p.models[m.ID], data.State)
		}
	case "comm_close":
		delete(p.models, m.ID)
	}
}

// run runs a cell, which must not fail.
func (p *page) run(t *testing.T, code string) {
	t.Helper()
	if err := p.try(code); err != nil {
		t.Fatalf("%s\n%s", err, strings.Join(err.Traceback, "\n"))
	}
}

func (p *page) try(code string) *engine.Error {
	p.n++
	return p.s.Execute(engine.Request{Code: code, Count: p.n}, p).Err
}

// wait waits until cond holds, which is looked at whenever something came.
func (p *page) wait(cond func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !cond() {
		p.news.Wait()
	}
}

// says waits until the cells' text contains s.
func (p *page) says(s string) { p.wait(func() bool { return strings.Contains(p.text.String(), s) }) }

// find is the comm of the latest model with a trait of that value.
func (p *page) find(t *testing.T, trait string, value any) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, m := range p.models {
		if m[trait] == value {
			return id
		}
	}
	t.Fatalf("no model has the %s %v", trait, value)
	return ""
}

// output is what an Output widget shows.
func (p *page) output(id string) string {
	var b strings.Builder
	list, _ := p.models[id]["outputs"].([]any)
	for _, o := range list {
		o := o.(map[string]any)
		if o["output_type"] == "stream" {
			fmt.Fprint(&b, ansi.ReplaceAllString(o["text"].(string), ""))
		} else {
			fmt.Fprintf(&b, "[%v]", o["data"].(map[string]any)["text/plain"])
		}
	}
	return b.String()
}

func (p *page) send(id, data string) {
	p.s.Comm(nb.CommMessage{Type: "comm_msg", ID: id, Data: json.RawMessage(data), Parent: json.RawMessage(`{"msg_id":"m"}`)})
}

const click = `{"method":"custom","content":{"event":"click"}}`

func TestCallbacks(t *testing.T) {
	p := newPage(t)
	p.run(t, `var mu sync.Mutex
clicks := 0
b := widgets.NewButton("press")
b.OnClick(func() { mu.Lock(); defer mu.Unlock(); clicks++; fmt.Println("click", clicks); if clicks == 2 { panic("at two") } })`)
	b := p.find(t, "description", "press")
	if p.s.Comms()[b] != "jupyter.widget" {
		t.Errorf("comms %v", p.s.Comms())
	}
	// While no cell runs.
	p.send(b, click)
	p.says("click 1\n")
	// A panic is reported with its place and ends nothing.
	p.send(b, click)
	p.says("panic in a goroutine: at two\ncell[1]:4 in ")
	// While a cell runs, and after it was interrupted.
	done := make(chan *engine.Error)
	go func() { done <- p.try(`fmt.Println("cell waits"); select {}`) }()
	p.says("cell waits")
	p.send(b, click)
	p.says("click 3\n")
	p.s.Interrupt()
	if err := <-done; err == nil || err.Name != "interrupted" {
		t.Errorf("the cell ended with %v", err)
	}
	p.send(b, click)
	p.says("click 4\n")
	// The callback's latest definition counts, and its variables are the session's.
	p.run(t, `mu.Lock(); n := clicks; mu.Unlock(); n`)
	p.says("=> 4")
}

func TestInterruptStopsACallback(t *testing.T) {
	p := newPage(t)
	p.run(t, `b := widgets.NewButton("press")
started := 0
b.OnClick(func() {
	started++
	fmt.Println("started", started)
	defer fmt.Println("ended", started)
	for started == 1 {}
})`)
	b := p.find(t, "description", "press")
	p.send(b, click)
	p.says("started 1")
	p.send(b, click)
	p.s.Interrupt()
	p.says("ended 1")
	p.says("ended 2")
	p.run(t, `started`)
	p.says("=> 2")
}

func TestCommsEndWithTheWorker(t *testing.T) {
	p := newPage(t)
	p.run(t, `widgets.NewButton("press")`)
	b := p.find(t, "description", "press")
	if err := p.try(`os.Exit(3)`); err == nil || err.Name != "worker died" {
		t.Fatalf("%v", err)
	}
	p.wait(func() bool { return len(p.models) == 0 }) // with layout and style
	p.send(b, click)
	if all := p.s.Comms(); len(all) != 0 {
		t.Errorf("comms %v", all)
	}
	p.run(t, `widgets.NewButton("again").OnClick(func() { fmt.Println("new click") })
		again := widgets.NewButton("third"); again.OnClick(func() { fmt.Println("third click") })`)
	p.send(p.find(t, "description", "third"), click)
	p.says("third click")
}

func TestCommsOfPrograms(t *testing.T) {
	p := newPage(t)
	refused := func(id string) bool {
		for _, m := range p.log {
			if m.ID == id && m.Type == "comm_close" {
				return true
			}
		}
		return false
	}
	p.run(t, `nb.HandleComm("echo", func(c *nb.Comm, m nb.CommMessage) {
	fmt.Println("opened with", string(m.Data))
	c.OnMessage(func(m nb.CommMessage) { c.Reply(m, json.RawMessage(m.Data), m.Buffers...) })
	c.OnClose(func(nb.CommMessage) { fmt.Println("closed") })
})`)
	p.s.Comm(nb.CommMessage{Type: "comm_open", ID: "e", Target: "echo", Data: json.RawMessage(`{"a":1}`)})
	p.s.Comm(nb.CommMessage{Type: "comm_open", ID: "u", Target: "unknown", Data: json.RawMessage(`{}`)})
	p.says(`opened with {"a":1}`)
	p.wait(func() bool { return refused("u") })
	for i := range 100 {
		p.s.Comm(nb.CommMessage{Type: "comm_msg", ID: "e", Data: fmt.Appendf(nil, `{"i":%d}`, i), Buffers: [][]byte{{0, byte(i), 255}}})
	}
	echoes := func() (all []nb.CommMessage) {
		for _, m := range p.log {
			if m.ID == "e" && m.Type == "comm_msg" {
				all = append(all, m)
			}
		}
		return all
	}
	p.wait(func() bool { return len(echoes()) == 100 })
	for i, m := range echoes() {
		if string(m.Data) != fmt.Sprintf(`{"i":%d}`, i) || len(m.Buffers) != 1 || m.Buffers[0][1] != byte(i) {
			t.Fatalf("echo %d is %s %v", i, m.Data, m.Buffers)
		}
	}
	p.s.Comm(nb.CommMessage{Type: "comm_close", ID: "e", Data: json.RawMessage(`{}`)})
	p.says("closed")
	if _, open := p.s.Comms()["e"]; open {
		t.Error("still open")
	}
	if err := p.try(`c, err := nb.OpenComm("t", []int{1}, nil)
c, err`); err != nil {
		t.Fatal(err)
	}
	p.says("must be a JSON object")
}

func TestOutputCaptures(t *testing.T) {
	p := newPage(t)
	p.run(t, `out := widgets.NewOutput()
fmt.Println("before")
out.Run(func() {
	fmt.Println("inside")
	fmt.Fprintln(os.Stderr, "to stderr")
	nb.Show(42)
	panic("caught")
})
fmt.Println("after")
out`)
	id := p.find(t, "_model_name", "OutputModel")
	p.mu.Lock()
	shown, text := p.output(id), p.text.String()
	p.mu.Unlock()
	for _, want := range []string{"inside\n", "to stderr\n", "[42]", "panic: caught\ncell[1]:7 in "} {
		if !strings.Contains(shown, want) {
			t.Errorf("the widget does not show %q:\n%s", want, shown)
		}
	}
	if !strings.HasPrefix(text, "before\nafter\n") {
		t.Errorf("the cell shows %q", text)
	}
	// The widget knows what it shows, for pages that are loaded later.
	p.mu.Lock()
	p.models[id]["outputs"] = nil
	p.mu.Unlock()
	p.send(id, `{"method":"request_state"}`)
	p.wait(func() bool { return p.output(id) == shown })
	// In callbacks; Clear that waits leaves nothing of what was there.
	p.run(t, `b := widgets.NewButton("press")
n := 0
b.OnClick(func() { n++; out.Clear(true); out.Run(func() { if n < 3 { fmt.Println("run", n) } }) })`)
	b := p.find(t, "description", "press")
	p.send(b, click)
	p.wait(func() bool { return p.output(id) == "run 1\n" })
	p.send(b, click)
	p.wait(func() bool { return p.output(id) == "run 2\n" })
	p.send(b, click)
	p.wait(func() bool { return p.output(id) == "" })
	// A display that was made inside is replaced inside, also later.
	p.run(t, `out.Run(func() { nb.DisplayID("d", nb.Bundle{"text/plain": "one"}) })
nb.DisplayID("d", nb.Bundle{"text/plain": "two"})`)
	p.wait(func() bool { return p.output(id) == "[two]" })
	// One inside the other, and an end that comes by runtime.Goexit.
	p.run(t, `out.Clear(false)
inner := widgets.NewOutput()
out.Run(func() { fmt.Print("a"); inner.Run(func() { fmt.Print("b") }); fmt.Print("c") })
end := make(chan bool)
go func() { defer close(end); inner.Run(func() { runtime.Goexit() }) }()
<-end
fmt.Println("outside")`)
	p.wait(func() bool { return p.output(id) == "ac" })
	p.says("outside\n")
}

func TestOutputKeepsTheEndOfAFlood(t *testing.T) {
	p := newPage(t)
	p.run(t, `out := widgets.NewOutput()
out.Run(func() { for i := range 600_000 { fmt.Println("line", i) } })`)
	id := p.find(t, "_model_name", "OutputModel")
	p.mu.Lock()
	defer p.mu.Unlock()
	shown := p.output(id)
	if !strings.HasSuffix(shown, "line 599998\nline 599999\n") || len(shown) > 2<<20 || !strings.HasPrefix(shown, "[only the last") {
		t.Errorf("%d bytes: %.60q … %q", len(shown), shown, shown[max(0, len(shown)-30):])
	}
}

func TestInteractInANotebook(t *testing.T) {
	p := newPage(t)
	p.run(t, `f := func(x int) string { fmt.Println("printed", x); if x == 7 { panic("seven") }; return strings.Repeat("x", x) }
i := widgets.Interact(f, widgets.Between(0, 10))
i`)
	id := p.find(t, "_model_name", "OutputModel")
	slider := p.find(t, "_model_name", "IntSliderModel")
	p.wait(func() bool { return p.output(id) == "printed 5\n[\"xxxxx\"]" })
	p.send(slider, `{"method":"update","state":{"value":3}}`)
	p.wait(func() bool { return p.output(id) == "printed 3\n[\"xxx\"]" })
	p.send(slider, `{"method":"update","state":{"value":7}}`)
	p.wait(func() bool { return strings.HasPrefix(p.output(id), "printed 7\npanic: seven\ncell[1]:1 in ") })
	p.send(slider, `{"method":"update","state":{"value":1}}`)
	p.wait(func() bool { return p.output(id) == "printed 1\n[\"x\"]" })
}

func TestGonbWidgets(t *testing.T) {
	p := newPage(t)
	done := make(chan *engine.Error)
	go func() {
		done <- p.try(`import "github.com/janpfeifer/gonb/gonbui/comms"
in := comms.Listen[int]("/up")
comms.Send("/down", 41)
fmt.Println("got", <-in.C)
in.Close()`)
	}()
	// The page runs the script, which opens a comm. Values sent before that arrive.
	p.says("[display <nil>]")
	p.s.Comm(nb.CommMessage{Type: "comm_open", ID: "g", Target: "gonb_comm"})
	p.wait(func() bool {
		for _, m := range p.log {
			if m.ID == "g" && strings.Contains(string(m.Data), `"/down"`) {
				return strings.Contains(string(m.Data), `41`)
			}
		}
		return false
	})
	for _, data := range []string{`{"address":"/other","value":1}`, `{"address":"/up","value":null}`, `[]`, `{"address":"/up","value":[1,"x"]}`, `{"address":"/up","value":42}`} {
		p.send("g", data)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.says("got 42")
	p.run(t, "%widgets_hb")
	p.says("is connected")
}
