package session

import (
	"context"
	"encoding/json"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// runningCommands are those that change how a cell is run.
var runningCommands = []*command{
	{name: "time", usage: "[CODE]", about: "run the cell and tell where its time went", code: true, run: timeCell,
		more: "Wall time, by what was done, and the time that all threads of the worker computed meanwhile."},
	{name: "timeit", usage: "[-n LOOPS] [-r RUNS] [CODE]", about: "measure code, or with %% the whole cell, in a loop", code: true, takes: true, when: after,
		options: []string{"-n", "-r"}, run: timeit,
		more: "The code is compiled as the body of a loop; of one expression, the value is computed but not kept. There are 7 RUNS, and as many\n" +
			"LOOPS in each as take 0.2 s. The line shows the mean of the runs, their standard deviation, the best, and the allocations of one pass.\n" +
			"It is measured after the other code of its cell has run. Behind %%timeit stands code that is run once before, as a cell."},
	{name: "fmt", about: "format the cell's Go code as gofmt does, instead of running it", run: formatCell},
	{name: "param", usage: "NAME = VALUE", about: "set a parameter of the notebook: assign to the variable, or declare it", code: true, run: param,
		more: "The value is converted to the type that the variable has. papermill writes such lines behind the cell tagged \"parameters\"."},
	{name: "race", usage: "[CODE]", about: "run the cell in a process that looks for data races", code: true, run: raceCell},
	{name: "capture", usage: "[NAME] | %capture [-a] FILE", magic: true, about: "keep what the cell shows in a variable, not in the notebook; or a copy in a file", options: []string{"-a"}, args: files, run: capture,
		more: "The variable is a *nb.Captured with Stdout, Stderr and Outputs; its method Show shows them. Without NAME, what the cell shows is\n" +
			"dropped. %capture FILE, as in GoNB, copies to the file what the cell shows; -a appends to it."},
	{name: "%", usage: "[ARGUMENT …]", about: "what follows is the body of func main, a program with these arguments", plain: true, run: arguments,
		more: "The body begins with flag.Parse(). %main is another name. Variables that it declares are its own; those of the session live on."},
	{name: "args", usage: "[ARGUMENT …]", about: "os.Args for the cell, from the second on", plain: true, run: arguments},
	{name: "exec", usage: "FUNC [ARGUMENT …]", about: "parse the arguments as flags, then call a function of the session", plain: true, when: after, args: names, run: execFunction},
	{name: "test", usage: "[FLAG …]", about: "run tests and benchmarks as `go test` does: the cell's, or else all of the session", plain: true, run: testCell,
		options: []string{"-v", "-run", "-bench", "-benchmem", "-count", "-short", "-timeout", "-cpu", "-failfast", "-race"},
		more: "They run in a process of their own, in which the session's variables are declared anew. Without FLAGs they are told one by one (-v),\n" +
			"and benchmarks run. The flags are those of go test; GoNB's -test.run and so on are the same."},
}

// timeCell is %time: code prints the times when the cell has ended.
func timeCell(_ context.Context, _ *Session, c *call) *engine.Error {
	c.r.timed = true
	return nil
}

// raceCell is %race: code runs the cell under the race detector, not in the worker.
func raceCell(_ context.Context, _ *Session, c *call) *engine.Error {
	c.r.way = raced
	return nil
}

var timeitOption = regexp.MustCompile(`^-([a-zA-Z])\s*=?\s*(\d*)(?:\s+|$)`)

// timeit is %timeit, and %%timeit, which measures the rest of the cell.
func timeit(ctx context.Context, s *Session, c *call) *engine.Error {
	timed := &cell.Timed{Runs: 7}
	args := c.Args
	for {
		m := timeitOption.FindStringSubmatch(args)
		if m == nil {
			break
		}
		n, err := strconv.Atoi(m[2])
		switch {
		case m[1] != "n" && m[1] != "r":
			return c.usage("there is no option -%s here", m[1])
		case err != nil || n < 1 || n > 1e9:
			return c.usage("-%s is a number from 1 on", m[1])
		case m[1] == "n":
			timed.Loops = n
		default:
			timed.Runs = n
		}
		args = args[len(m[0]):]
	}
	full := c.r.full
	text, start, end := full, c.End-len(args), c.End
	if c.Magic {
		if setup := blankBut(full, start, end); strings.TrimSpace(args) != "" {
			if err := s.part(ctx, c.r, c.r.src.Name, setup, nil); err != nil {
				return err
			}
		}
		start, end = lineEnd(full, c.Line), len(full)
	}
	if strings.TrimSpace(args) == "" && !c.Magic || start >= end || strings.TrimSpace(full[start:end]) == "" {
		return c.usage("which code is to be measured?")
	}
	text = blankBut(full, start, end)
	code := strings.TrimSpace(full[start:end])
	var fail *engine.Error
	for _, timed.Value = range []bool{true, false} {
		if timed.Value && !cell.IsExpression(code) {
			continue
		}
		if fail = s.part(ctx, c.r, c.r.src.Name, text, timed); fail == nil || fail.Name != "compile error" {
			break
		}
	}
	return fail
}

// lineEnd is the offset behind line n of text, counted from 1.
func lineEnd(text string, n int) int {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		at += i + 1
	}
	return at
}

// blankBut is text with spaces for all but the bytes from start to end, and line ends.
func blankBut(text string, start, end int) string {
	b := []byte(text)
	for i, c := range b {
		if c != '\n' && (i < start || i >= end) {
			b[i] = ' '
		}
	}
	return string(b)
}

// part runs more code as a part of the cell r, under a name of its own. Of what it commands nothing is left behind.
func (s *Session) part(ctx context.Context, r *run, name, text string, timed *cell.Timed) *engine.Error {
	var cmds []cell.Command
	full, typed := text, r.full
	if timed == nil {
		full = strings.ReplaceAll(text, "\r\n", "\n")
		cmds, text = cutCommands(full)
		typed = full
	}
	s.mu.Lock()
	kept := *r
	s.gen++
	r.src = &cell.Source{Name: name, Gen: s.gen, Text: text, Typed: typed, Timed: timed}
	r.full, r.way, r.timed, r.inWorker, r.killed = full, alive, false, false, false
	s.sources[cell.FileName(r.src.Gen, name)] = r.src
	s.mu.Unlock()
	err := s.commands(ctx, r, cmds, false)
	if err == nil {
		err = s.code(ctx, r, time.Now())
	}
	if err == nil {
		err = s.commands(ctx, r, cmds, true)
	}
	s.mu.Lock()
	r.src, r.full, r.way, r.timed, r.args, r.inWorker = kept.src, kept.full, kept.way, kept.timed, kept.args, false
	s.mu.Unlock()
	return err
}

// execFunction is %exec.
func execFunction(ctx context.Context, s *Session, c *call) *engine.Error {
	words, err := c.words()
	if err != nil {
		return err
	}
	if len(words) == 0 || !token.IsIdentifier(words[0]) {
		return c.usage("which function is to be called?")
	}
	s.mu.Lock()
	kind := s.state.Kind(words[0])
	s.mu.Unlock()
	if kind != "function" {
		return c.failf("there is no function %s", words[0])
	}
	c.r.args = words[1:]
	err = s.part(ctx, c.r, c.r.src.Name, strings.Repeat("\n", max(0, c.Line-2))+"%%\n"+words[0]+"()", nil)
	c.r.args = nil
	return err
}

// capture is %%capture and GoNB's %capture.
func capture(_ context.Context, s *Session, c *call) *engine.Error {
	opts, words, fail := c.arguments("")
	if fail != nil {
		return fail
	}
	_, appends := opts['a']
	if !c.Magic {
		if len(words) != 1 {
			return c.usage("%%capture takes the name of one file; `%%%%capture NAME` keeps what the cell shows in a variable")
		}
		return s.captureFile(c, s.expand(words[0]), appends)
	}
	if appends || len(words) > 1 || len(words) == 1 && !token.IsIdentifier(words[0]) {
		return c.usage("%%%%capture takes the name of a variable at most; `%%capture FILE` copies into a file")
	}
	rec := &recording{}
	shown := c.r.out
	s.divert(c.r, rec)
	c.r.finally = append(c.r.finally, func(bool) *engine.Error {
		s.divert(c.r, shown)
		if len(words) == 0 {
			return nil
		}
		return s.keep(c, words[0], rec)
	})
	return nil
}

// divert has the cell show what it shows from here on elsewhere.
func (s *Session) divert(r *run, to engine.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.out, s.sink = to, to
}

// keep makes what was captured a variable of the session.
func (s *Session) keep(c *call, name string, rec *recording) *engine.Error {
	rec.mu.Lock()
	data, err := json.Marshal(rec.Captured)
	rec.mu.Unlock()
	file := filepath.Join(s.dir, "captured")
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return c.failf("what was captured can't be kept: %v", err)
	}
	defer os.Remove(file)
	const pkg = "ʼnb" // cells can't mean anything else by it
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	c.r.cancel = cancel
	s.mu.Unlock()
	fail := s.part(ctx, c.r, c.r.src.Name, fmt.Sprintf("import %s \"golab/kernel/nb\"\n%s, _ := %s.LoadCaptured(%q)", pkg, name, pkg, file), nil)
	s.mu.Lock()
	s.state.Remove(pkg, s.gen)
	s.mu.Unlock()
	return fail
}

// recording is a sink that keeps everything.
type recording struct {
	discard
	mu sync.Mutex
	nb.Captured
}

func (r *recording) Stream(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == "stderr" {
		r.Captured.Stderr += text
	} else {
		r.Captured.Stdout += text
	}
}

func (r *recording) Display(o nb.Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Update {
		for i := range r.Outputs {
			if r.Outputs[i].ID == o.ID {
				r.Outputs[i].Data, r.Outputs[i].Metadata = o.Data, o.Metadata
				return
			}
		}
	}
	r.Outputs = append(r.Outputs, o)
}

func (r *recording) Result(b nb.Bundle) { r.Display(nb.Output{Data: b}) }

func (r *recording) Clear(bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Captured = nb.Captured{}
}

// captureFile copies what the cell shows to a file.
func (s *Session) captureFile(c *call, path string, appends bool) *engine.Error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if appends {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return c.failf("%v", err)
	}
	shown := c.r.out
	copied := &copying{Sink: shown, f: f}
	s.divert(c.r, copied)
	c.r.finally = append(c.r.finally, func(bool) *engine.Error {
		s.divert(c.r, shown)
		if err := copied.close(); err != nil {
			return c.failf("%v", err)
		}
		return nil
	})
	return nil
}

// copying is a sink that writes all texts to a file, too.
type copying struct {
	engine.Sink
	mu  sync.Mutex
	f   *os.File
	err error
}

func (s *copying) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil { // from the background, when the cell has ended
		return
	}
	if _, err := s.f.WriteString(text); err != nil && s.err == nil {
		s.err = err
	}
}

func (s *copying) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.f.Close(); s.err == nil {
		s.err = err
	}
	s.f = nil
	return s.err
}

func (s *copying) Stream(name, text string) {
	s.write(text)
	s.Sink.Stream(name, text)
}

func (s *copying) Display(o nb.Output) {
	s.write(readable(o.Data))
	s.Sink.Display(o)
}

func (s *copying) Result(b nb.Bundle) {
	s.write(readable(b) + "\n")
	s.Sink.Result(b)
}

// readable is the text of a value: what is not plain is better than nothing.
func readable(b nb.Bundle) string {
	for _, mime := range []string{"text/plain", "text/markdown", "text/html", "image/svg+xml"} {
		if s, ok := b[mime].(string); ok {
			return s
		}
	}
	return ""
}
