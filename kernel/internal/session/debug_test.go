package session

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golab/kernel/home"
	"golab/kernel/internal/debug"
	"golab/kernel/internal/engine"
)

// client debugs a session as JupyterLab does.
type client struct {
	t      *testing.T
	s      *Session
	seq    int
	events chan map[string]any
	cells  map[string]chan ran
}

type ran struct {
	text string
	err  *engine.Error
}

// debugSession starts a session with a debugger that is on.
func debugSession(t *testing.T) *client {
	t.Helper()
	c := quietSession(t)
	c.start()
	return c
}

func quietSession(t *testing.T) *client {
	t.Helper()
	if _, err := os.Stat(home.Delve()); err != nil {
		t.Skip("Delve is not installed")
	}
	s := open(t)
	s.opts.Log = t.Logf
	s.debugger = s.newDebugger()
	return &client{t: t, s: s, events: make(chan map[string]any, 1000), cells: map[string]chan ran{}}
}

const patience = time.Minute

func (c *client) start() {
	c.t.Helper()
	answer := c.try("initialize", map[string]any{"clientID": "test"})
	if why, _ := answer["message"].(string); strings.Contains(why, "not permitted") {
		c.t.Skipf("processes can't be traced here: %s", why)
	}
	if body, _ := answer["body"].(map[string]any); body["exceptionBreakpointFilters"] == nil {
		c.t.Fatalf("initialize: %v", answer)
	}
	c.do("attach", map[string]any{})
	c.do("configurationDone", nil)
}

// try sends a request and returns the whole answer.
func (c *client) try(command string, args any) map[string]any {
	c.t.Helper()
	c.seq++
	req, err := json.Marshal(map[string]any{"type": "request", "seq": c.seq, "command": command, "arguments": args})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var answer map[string]any
	if err := json.Unmarshal(c.s.Debug(ctx, req, c.event), &answer); err != nil {
		c.t.Fatal(err)
	}
	if answer["type"] != "response" || answer["request_seq"] != float64(c.seq) || answer["command"] != command {
		c.t.Fatalf("%s: %v", command, answer)
	}
	return answer
}

// do sends a request that must succeed, and returns its body.
func (c *client) do(command string, args any) map[string]any {
	c.t.Helper()
	answer := c.try(command, args)
	if answer["success"] != true {
		c.t.Fatalf("%s: %v", command, answer["message"])
	}
	body, _ := answer["body"].(map[string]any)
	return body
}

func (c *client) event(raw json.RawMessage) {
	var e map[string]any
	if err := json.Unmarshal(raw, &e); err != nil {
		c.t.Error(err)
	}
	c.events <- e
}

// breaks sets breakpoints, {"line": …, "condition": …} or just lines, in the cell of that text.
func (c *client) breaks(code string, points ...any) []any {
	c.t.Helper()
	path := c.do("dumpCell", map[string]any{"code": code})["sourcePath"]
	list := []any{}
	for _, p := range points {
		if line, ok := p.(int); ok {
			p = map[string]any{"line": line}
		}
		list = append(list, p)
	}
	return c.do("setBreakpoints", map[string]any{"source": map[string]any{"path": path}, "breakpoints": list})["breakpoints"].([]any)
}

// begin runs a cell, which may stop.
func (c *client) begin(count int, code string) {
	done := make(chan ran, 1)
	c.cells[fmt.Sprint(count)] = done
	go func() {
		text, err := runCell(c.s, count, code)
		done <- ran{text, err}
	}()
}

// end waits for the end of a cell.
func (c *client) end(count int) ran {
	c.t.Helper()
	for {
		select {
		case r := <-c.cells[fmt.Sprint(count)]:
			return r
		case e := <-c.events:
			if e["event"] == "stopped" {
				c.t.Fatalf("cell %d stopped: %v at %v", count, e["body"], c.stack(e["body"].(map[string]any)["threadId"]))
			}
		case <-time.After(patience):
			c.t.Fatalf("cell %d does not end", count)
		}
	}
}

// run runs a cell that does not stop.
func (c *client) run(count int, code string) ran {
	c.t.Helper()
	c.begin(count, code)
	return c.end(count)
}

// where is a place at which the worker has stopped.
type where struct {
	reason, text string
	thread       any
	frames       []string // "f:3"
	ids          []any
}

// stopped waits until the worker stops.
func (c *client) stopped() where {
	c.t.Helper()
	for {
		select {
		case e := <-c.events:
			if e["event"] != "stopped" {
				continue
			}
			body := e["body"].(map[string]any)
			w := where{reason: body["reason"].(string), thread: body["threadId"]}
			w.text, _ = body["text"].(string)
			for _, f := range c.stack(w.thread) {
				f := f.(map[string]any)
				w.frames = append(w.frames, fmt.Sprintf("%v:%v", f["name"], f["line"]))
				w.ids = append(w.ids, f["id"])
			}
			return w
		case <-time.After(patience):
			for n, done := range c.cells {
				select {
				case r := <-done:
					c.t.Fatalf("nothing stops; cell %s has ended: %s", n, r.text)
				default:
				}
			}
			c.t.Fatal("nothing stops")
		}
	}
}

func (c *client) stack(thread any) []any {
	c.t.Helper()
	return c.do("stackTrace", map[string]any{"threadId": thread})["stackFrames"].([]any)
}

// at fails the test unless the worker stands there, innermost frame first.
func (c *client) at(reason string, frames ...string) where {
	c.t.Helper()
	w := c.stopped()
	if w.reason != reason || !slices.Equal(w.frames, frames) {
		c.t.Fatalf("stopped by %s at %q, want %s at %q", w.reason, w.frames, reason, frames)
	}
	return w
}

// scope reads a scope of a frame: name=value.
func (c *client) scope(w where, frame int, name string) map[string]string {
	c.t.Helper()
	for _, s := range c.do("scopes", map[string]any{"frameId": w.ids[frame]})["scopes"].([]any) {
		s := s.(map[string]any)
		if s["name"] == name {
			return c.values(s["variablesReference"])
		}
	}
	c.t.Fatalf("no scope %s", name)
	return nil
}

func (c *client) values(ref any) map[string]string {
	c.t.Helper()
	out := map[string]string{}
	for _, v := range c.do("variables", map[string]any{"variablesReference": ref})["variables"].([]any) {
		v := v.(map[string]any)
		out[v["name"].(string)] = fmt.Sprintf("%v %v", v["type"], v["value"])
	}
	return out
}

func (c *client) eval(w where, frame int, expr string) string {
	c.t.Helper()
	answer := c.try("evaluate", map[string]any{"expression": expr, "frameId": w.ids[frame], "context": "repl"})
	if answer["success"] != true {
		return "error: " + answer["message"].(string)
	}
	return answer["body"].(map[string]any)["result"].(string)
}

// has fails the test unless a scope holds these values.
func has(t *testing.T, scope map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if scope[name] != value {
			t.Errorf("%s is %q, want %q; all: %v", name, scope[name], value, scope)
		}
	}
}

// TestDebugSteps stops in a cell and goes through it and a function of an earlier cell, which was compiled before anyone
// debugged.
func TestDebugSteps(t *testing.T) {
	c := quietSession(t)
	c.run(1, "type Point struct{ X, Y int }\nrate := 3\nwords := map[string]int{\"a\": 1}")
	c.run(2, "func scale(n int) int {\n\ttotal := n * rate\n\treturn total\n}")
	c.start()
	code := "x := 5\nname := \"net\"\ny := scale(x)\np := Point{y, len(name)}\np"
	if got := c.breaks(code, 1, 3); len(got) != 2 || got[1].(map[string]any)["line"] != 3.0 || got[1].(map[string]any)["verified"] != true {
		t.Errorf("setBreakpoints: %v", got)
	}
	c.begin(3, code)
	w := c.at("breakpoint", "cell[3]:1")
	session := c.scope(w, 0, "Session")
	has(t, session, map[string]string{"rate": "int 3"})
	if _, ok := session["x"]; ok {
		t.Errorf("x is shown before it is declared: %v", session)
	}
	if got := c.eval(w, 0, "x"); !strings.HasPrefix(got, "error: ") {
		t.Errorf("x before its declaration: %s", got)
	}
	c.do("continue", map[string]any{"threadId": w.thread})
	w = c.at("breakpoint", "cell[3]:3")
	if locals := c.scope(w, 0, "Locals"); locals["x"] != "int 5" || locals["name"] != `string "net"` || locals["rate"] != "int 3" || locals["y"] != "" {
		t.Errorf("locals of the cell: %v", locals)
	}
	has(t, c.scope(w, 0, "Session"), map[string]string{"rate": "int 3", "x": "int 5", "name": `string "net"`, "y": ""})
	for expr, want := range map[string]string{"x+rate": "8", "len(name) + 1": "4", `words["a"]`: "1", "x == 5 && rate > x": "false", "nosuch": "error: could not find symbol value for nosuch", "x +": `error: "x +" is no Go expression`} {
		if got := c.eval(w, 0, expr); got != want {
			t.Errorf("%s = %s, want %s", expr, got, want)
		}
	}
	c.do("stepIn", map[string]any{"threadId": w.thread})
	w = c.at("step", "scale:1", "cell[3]:3")
	c.do("next", map[string]any{"threadId": w.thread})
	w = c.at("step", "scale:2", "cell[3]:3")
	c.do("next", map[string]any{"threadId": w.thread})
	w = c.at("step", "scale:3", "cell[3]:3")
	has(t, c.scope(w, 0, "Locals"), map[string]string{"n": "int 5", "total": "int 15"})
	has(t, c.scope(w, 0, "Session"), map[string]string{"rate": "int 3", "x": "int 5", "y": ""})
	if got := c.eval(w, 0, "total*rate + x"); got != "50" {
		t.Errorf("in the function: %s", got)
	}
	if got := c.eval(w, 1, "x"); got != "5" {
		t.Errorf("in the caller: %s", got)
	}
	c.do("stepOut", map[string]any{"threadId": w.thread})
	w = c.at("step", "cell[3]:3")
	c.do("next", map[string]any{"threadId": w.thread})
	w = c.at("step", "cell[3]:4")
	c.do("next", map[string]any{"threadId": w.thread})
	w = c.at("step", "cell[3]:5")
	has(t, c.scope(w, 0, "Session"), map[string]string{"y": "int 15", "p": "Point Point {X: 15, Y: 3}"})
	c.do("next", map[string]any{"threadId": w.thread})
	if r := c.end(3); r.err != nil || r.text != "=> Point{X: 15, Y: 3}\n" {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugParts unfolds variables where a cell is stopped, and where it is not.
func TestDebugParts(t *testing.T) {
	c := debugSession(t)
	c.run(1, "import \"time\"\ntype Node struct{ Name string; next *Node; Age time.Duration }\nlist := &Node{\"a\", &Node{Name: \"b\"}, time.Second}\nm := map[string][]int{\"x\": {1, 2}}\nvar any1 any = 7.5")
	unfold := func(list []any, name string) (map[string]any, map[string]string) {
		t.Helper()
		for _, v := range list {
			if v := v.(map[string]any); v["name"] == name {
				if v["variablesReference"] == 0.0 {
					return v, nil
				}
				return v, c.values(v["variablesReference"])
			}
		}
		t.Fatalf("no %s among %v", name, list)
		return nil, nil
	}
	vars := c.do("inspectVariables", nil)["variables"].([]any)
	if _, parts := unfold(vars, "list"); parts["Name"] != `string "a"` || !strings.HasPrefix(parts["next"], "*Node ") {
		t.Errorf("list: %v", parts)
	}
	if _, parts := unfold(vars, "m"); parts[`"x"`] == "" {
		t.Errorf("m: %v", parts)
	}
	if rich := c.do("richInspectVariables", map[string]any{"variableName": "list"})["data"].(map[string]any)["text/plain"]; !strings.Contains(fmt.Sprint(rich), `Name: "b"`) {
		t.Errorf("rich: %v", rich)
	}
	if answer := c.try("richInspectVariables", map[string]any{"variableName": "nosuch"}); answer["success"] != false {
		t.Errorf("rich of nothing: %v", answer)
	}
	code := "k := 1\nk++"
	c.breaks(code, 2)
	c.begin(2, code)
	w := c.at("breakpoint", "cell[2]:2")
	vars = c.do("inspectVariables", nil)["variables"].([]any)
	if v, parts := unfold(vars, "any1"); v == nil || !strings.Contains(fmt.Sprint(v["value"], parts), "7.5") {
		t.Errorf("any1: %v %v", v, parts)
	}
	_, parts := unfold(vars, "m")
	if !strings.Contains(fmt.Sprint(parts), "1,2") && !strings.Contains(fmt.Sprint(parts), "1, 2") {
		t.Errorf("m, stopped: %v", parts)
	}
	if got := c.eval(w, 0, "list.next.Name"); got != `"b"` {
		t.Errorf("list.next.Name = %s", got)
	}
	if rich := c.do("richInspectVariables", map[string]any{"variableName": "list", "frameId": w.ids[0]})["data"].(map[string]any)["text/plain"]; !strings.Contains(fmt.Sprint(rich), `"a"`) {
		t.Errorf("rich, stopped: %v", rich)
	}
	c.do("continue", map[string]any{"threadId": w.thread})
	c.end(2)
}

// TestDebugCondition stops where a condition holds that names a session variable and a local one.
func TestDebugCondition(t *testing.T) {
	c := debugSession(t)
	c.run(1, "limit := 7")
	code := "func sum(n int) (s int) {\n\tfor i := 0; i < n; i++ {\n\t\ts += i\n\t}\n\treturn\n}\nsum(20)"
	c.breaks(code, map[string]any{"line": 3, "condition": "i == limit+2"})
	c.begin(2, code)
	w := c.at("breakpoint", "sum:3", "cell[2]:7")
	has(t, c.scope(w, 0, "Locals"), map[string]string{"i": "int 9", "s": "int 36", "n": "int 20"})
	c.do("continue", map[string]any{"threadId": w.thread})
	if r := c.end(2); r.text != "=> 190\n" {
		t.Errorf("the cell: %v", r)
	}
	c.breaks(code, map[string]any{"line": 3, "condition": "nonsense > 1"})
	c.begin(3, code)
	if w := c.stopped(); !strings.Contains(w.text, "condition") || !strings.Contains(w.text, "nonsense") {
		t.Errorf("a condition that makes no sense: %+v", w)
	}
	c.breaks(code)
	c.do("continue", map[string]any{"threadId": 1})
	if r := c.end(3); r.text != "=> 190\n" {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugPanic stops at a panic of a cell, not at one that a package keeps to itself, and the error is the same as ever.
func TestDebugPanic(t *testing.T) {
	c := debugSession(t)
	c.do("setExceptionBreakpoints", map[string]any{"filters": []string{"panic"}})
	code := "func pick(list []int, i int) int {\n\treturn list[i]\n}\nimport \"fmt\"\ntype S struct{ p *int }\nfunc (s S) String() string { return fmt.Sprint(*s.p) }\n_ = fmt.Sprintln(len(fmt.Errorf(\"%d\", 1).Error()))\npick([]int{1, 2}, 5)"
	c.begin(1, code)
	w := c.at("exception", "pick:2", "cell[1]:8")
	if w.text != "panic: index out of range [5] with length 2" {
		t.Errorf("text: %q", w.text)
	}
	has(t, c.scope(w, 0, "Locals"), map[string]string{"i": "int 5"})
	c.do("continue", map[string]any{"threadId": w.thread})
	if r := c.end(1); r.err == nil || r.err.Name != "panic" {
		t.Errorf("the cell: %v", r)
	}
	c.begin(2, "panic(fmt.Errorf(\"no %s\", \"luck\"))")
	if w := c.at("exception", "cell[2]:1"); w.text != "panic: no luck" {
		t.Errorf("text: %q", w.text)
	}
	c.do("continue", map[string]any{"threadId": 1})
	c.end(2)
	c.do("setExceptionBreakpoints", map[string]any{"filters": []string{}})
	if r := c.run(3, "panic(1)"); r.err == nil {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugInterrupt interrupts a cell that is stopped: it ends, the values and the debugger stay.
func TestDebugInterrupt(t *testing.T) {
	c := debugSession(t)
	c.run(1, "kept := 42")
	code := "n := 0\nfor {\n\tn++\n}"
	c.breaks(code, 3)
	c.begin(2, code)
	c.at("breakpoint", "cell[2]:3")
	c.s.Interrupt()
	if r := c.end(2); r.err == nil || r.err.Name != "interrupted" {
		t.Fatalf("the cell: %v", r)
	}
	next := "kept++\nkept"
	c.breaks(next, 2)
	c.begin(3, next)
	w := c.at("breakpoint", "cell[3]:2")
	c.do("continue", map[string]any{"threadId": w.thread})
	if r := c.end(3); r.text != "=> 43\n" {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugDetach leaves a cell that is stopped: it goes on, and values stay, also through several sessions of debugging.
func TestDebugDetach(t *testing.T) {
	c := quietSession(t)
	c.run(1, "sum := 0")
	for i := range 2 {
		c.start()
		if info := c.do("debugInfo", nil); info["isStarted"] != true {
			t.Errorf("debugInfo: %v", info)
		}
		code := fmt.Sprintf("sum += %d\nsum", i+1)
		c.breaks(code, 2)
		c.begin(i+2, code)
		w := c.stopped()
		if info := c.do("debugInfo", nil); !slices.Equal(info["stoppedThreads"].([]any), []any{w.thread}) || len(info["breakpoints"].([]any)) != 1 {
			t.Errorf("debugInfo: %v", info)
		}
		c.do("disconnect", map[string]any{"restart": false, "terminateDebuggee": true})
		if r := c.end(i + 2); r.text != fmt.Sprintf("=> %d\n", []int{1, 3}[i]) {
			t.Errorf("the cell: %v", r)
		}
	}
	if info := c.do("debugInfo", nil); info["isStarted"] != false || len(info["breakpoints"].([]any)) != 0 {
		t.Errorf("debugInfo: %v", info)
	}
	if r := c.run(9, "sum"); r.text != "=> 3\n" {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugWorkerEnds lets the worker end while it is debugged: the next cell's worker is debugged, too.
func TestDebugWorkerEnds(t *testing.T) {
	c := debugSession(t)
	if r := c.run(1, "import \"os\"\nos.Exit(3)"); r.err == nil || r.err.Name != "worker died" {
		t.Fatalf("the cell: %v", r)
	}
	code := "a := 1\na + 1"
	c.breaks(code, 2)
	c.begin(2, code)
	w := c.at("breakpoint", "cell[2]:2")
	c.do("continue", map[string]any{"threadId": w.thread})
	if r := c.end(2); r.text != "=> 2\n" {
		t.Errorf("the cell: %v", r)
	}
}

// TestDebugRefused asks for a debugger that can't be had: an answer says why, and cells run.
func TestDebugRefused(t *testing.T) {
	c := quietSession(t)
	check := func(then func(), words ...string) {
		t.Helper()
		answer := c.try("initialize", map[string]any{})
		then()
		message, _ := answer["message"].(string)
		for _, word := range words {
			if answer["success"] != false || !strings.Contains(message, word) {
				t.Errorf("initialize: %v, want %q", answer, word)
			}
		}
		if info := c.do("debugInfo", nil); info["isStarted"] != false {
			t.Errorf("debugInfo: %v", info)
		}
		if r := c.run(1, "1 + 1"); r.text != "=> 2\n" {
			t.Errorf("the cell: %v", r)
		}
	}
	c.run(1, "1")
	other := debug.New(debug.Config{Delve: home.Delve(), Dir: t.TempDir(), Say: func(string) {}, Log: t.Logf, Attr: childAttr(),
		Worker: func(context.Context) (debug.Worker, error) { return debugged{c.s.worker}, nil }})
	other.Handle(t.Context(), json.RawMessage(`{"type":"request","seq":1,"command":"initialize"}`), func(json.RawMessage) {})
	if !other.On() {
		t.Fatal("this system permits no tracing")
	}
	check(other.Close, "can't trace", "already being debugged")
	t.Setenv("GOLAB_HOME", t.TempDir())
	c.s.debugger = c.s.newDebugger()
	check(func() {}, "Delve", "install")
}

// TestDebugOdd sends what no client should.
func TestDebugOdd(t *testing.T) {
	c := quietSession(t)
	for _, raw := range []string{"", "{}", "[1]", "null", `{"type":"request","seq":1,"command":"stackTrace"}`, `{"type":"request","seq":1,"command":"variables","arguments":{"variablesReference":99}}`,
		`{"type":"request","seq":1,"command":"setBreakpoints","arguments":7}`, `{"type":"request","seq":1,"command":"frobnicate"}`, `{"type":"request","seq":1,"command":"evaluate","arguments":{"expression":"1"}}`,
		`{"type":"request","seq":1,"command":"source","arguments":{"source":{"path":"/etc/passwd"}}}`, `{"type":"request","seq":1,"command":"next"}`, `{"type":"request","seq":1,"command":"copyToGlobals"}`} {
		var answer map[string]any
		if err := json.Unmarshal(c.s.Debug(t.Context(), json.RawMessage(raw), c.event), &answer); err != nil || answer["success"] != false || answer["message"] == "" || answer["body"] == nil {
			t.Errorf("%s: %v, %v", raw, answer, err)
		}
	}
	c.do("disconnect", nil)
	if vars := c.do("inspectVariables", nil)["variables"].([]any); len(vars) != 0 {
		t.Errorf("variables: %v", vars)
	}
}

// TestDebugKinds has cells compiled for the debugger whose types lie in many packages.
func TestDebugKinds(t *testing.T) {
	c := debugSession(t)
	for i, cell := range []struct{ code, want string }{
		{"xs := []int{3, 1, 2}\nslices.SortFunc(xs, func(a, b int) int { return cmp.Compare(a, b) })\nxs", "=> []int{1, 2, 3}\n"},
		{"var wg sync.WaitGroup\nvar mu sync.Mutex\nat := time.Now()\nwg.Go(func() { mu.Lock(); defer mu.Unlock(); xs = append(xs, 4) })\nwg.Wait()\nlen(xs)", "=> 4\n"},
		{"df := dataframe.New(series.New([]int{1, 2}, series.Int, \"a\"))\ndf.Nrow()", "=> 2\n"},
		{"type Tree[K cmp.Ordered, V any] struct { l, r *Tree[K, V]; k K; v V }\nroot := &Tree[string, *time.Time]{k: \"x\", v: &at}\nfit := mlx.Fit\nfit != nil && root.v.Equal(at)", "=> true\n"},
		{"for i, s := range strings.Fields(\"a b\") { fmt.Print(i, s, \" \") }", "0a 1b \n"},
	} {
		if r := c.run(i+1, cell.code); r.text != cell.want {
			t.Errorf("%s\nshows %s, want %s", cell.code, r.text, cell.want)
		}
	}
	code := "func lead(m map[string][]time.Duration) (n int) {\n\tfor _, d := range m {\n\t\tn += len(d)\n\t}\n\treturn n\n}\nlead(map[string][]time.Duration{\"a\": {1, 2}})"
	c.breaks(code, 3)
	c.begin(9, code)
	w := c.at("breakpoint", "lead:3", "cell[9]:7")
	has(t, c.scope(w, 0, "Session"), map[string]string{"xs": "[]int []int len: 4, cap: 6, [1,2,3,4]"})
	if got := c.eval(w, 0, "df.nrows + len(d) + len(xs)"); got != "8" {
		t.Errorf("got %s", got)
	}
	c.do("continue", map[string]any{"threadId": w.thread})
	c.end(9)
}

// TestDebugClose closes a session whose cell is stopped.
func TestDebugClose(t *testing.T) {
	c := debugSession(t)
	code := "k := 1\nk++"
	c.breaks(code, 2)
	c.begin(1, code)
	c.at("breakpoint", "cell[1]:2")
	if err := c.s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-c.cells["1"]:
	case <-time.After(patience):
		t.Error("the cell does not end")
	}
	if err := c.s.debugger.Attach(t.Context(), debugged{c.s.worker}); err == nil {
		t.Error("a worker that is gone is debugged")
	}
}
