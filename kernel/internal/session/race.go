package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
)

// raceMain runs a cell and gives goroutines that outlive it, which in a notebook go on, a second to show their races.
const raceMain = `package main

import (
	"runtime"
	"time"
)

func main() {
	` + cell.PlainCell + `()
	for range 100 {
		if runtime.NumGoroutine() == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
`

// runRace runs the cell as an ordinary program that is built with the race detector. The session stays as it is.
func (s *Session) runRace(ctx context.Context, r *run, out engine.Sink) *engine.Error {
	src := r.src
	clock := time.Now()
	lap := func(d *time.Duration) {
		now := time.Now()
		*d, clock = now.Sub(clock), now
	}
	prog, err := s.plain(src)
	lap(&r.times.check)
	if err != nil {
		return s.compileError(err)
	}
	for _, w := range append(prog.Warnings, anew(prog.Anew)...) {
		out.Stream("stderr", "golab: "+w+"\n")
	}
	if prog.Empty() {
		return nil
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("race%d", src.Gen))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s.failed(err)
	}
	defer os.RemoveAll(dir)
	if err := s.copyEmbedded(prog.Embeds, dir); err != nil {
		return s.compileError(err)
	}
	prog.Files[cell.PlainMain] = raceMain
	slow := time.AfterFunc(3*time.Second, func() {
		out.Stream("stderr", "golab: building with the race detector; the first time, packages are compiled for it\n")
	})
	exe := filepath.Join(dir, "cell")
	err = s.packages().Program(ctx, dir, prog.Files, exe, append([]string{"-race", "-gcflags=-l"}, s.settings.goFlags()...)...) // of inlined calls, reports name the innermost only
	slow.Stop()
	lap(&r.times.Compile)
	if ctx.Err() != nil {
		return interruptedWhile("the cell was being compiled")
	}
	if err != nil {
		return s.raceBuildError(src, err)
	}
	defer lap(&r.times.run)
	return s.raceProcess(ctx, r, exe, dir, out)
}

// plain writes the cell as a program. A bug of ours that panics on it is an error of the cell.
func (s *Session) plain(src *cell.Source) (prog *cell.Plain, err error) {
	defer func() {
		if r := recover(); r != nil {
			prog, err = nil, fmt.Errorf("GoLab can't handle this cell, which is a bug: %v", r)
			if os.Getenv("GOLAB_DEBUG") != "" {
				panic(r)
			}
		}
	}()
	return s.state.Plain(src, s.packages())
}

// anew says which variables do not have the values of the session.
func anew(vars []*cell.Var) []string {
	if len(vars) == 0 {
		return nil
	}
	var names []string
	for _, v := range vars {
		if n := v.Name + " (" + v.Cell + ")"; !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return []string{"values of the session are not in this run; declared anew: " + strings.Join(names, ", ")}
}

// raceBuildError makes the error of a program that can't be built.
func (s *Session) raceBuildError(src *cell.Source, err error) *engine.Error {
	var tool *build.ToolError
	if !errors.As(err, &tool) || len(s.toolErrors(tool)) > 0 {
		return s.compileError(err)
	}
	switch {
	case strings.Contains(tool.Output, "C compiler") && strings.Contains(tool.Output, "not found"):
		return commandError(src.Name, cell.Command{Name: "race", Line: 1}, "Go's race detector needs a C compiler, and there is none; on Debian: apt-get install gcc")
	case strings.Contains(tool.Output, "-race"):
		return commandError(src.Name, cell.Command{Name: "race", Line: 1}, "Go's race detector does not work here: "+tool.Output)
	}
	return s.failed(err)
}

// raceProcess runs the program and reports its races.
func (s *Session) raceProcess(ctx context.Context, r *run, exe, dir string, out engine.Sink) *engine.Error {
	log := filepath.Join(dir, "report")
	cmd := exec.Command(exe, r.args...)
	cmd.Dir = s.folderNow()
	cmd.Env = append(s.settings.environ(), "GOTRACEBACK=single",
		"GORACE=halt_on_error=0 exitcode=66 atexit_sleep_ms=0 strip_path_prefix= log_path="+log)
	cmd.SysProcAttr = childAttr()
	stdout, stderr := &relay{name: "stdout", out: out}, &relay{name: "stderr", out: out, holds: true}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // what it started may hold its pipes
	if err := cmd.Start(); err != nil {
		return s.failed(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and what it started
	<-ended
	stdout.end()
	crash := stderr.end()
	races := readRaces(log)
	var fail *engine.Error
	code := cmd.ProcessState.ExitCode()
	switch {
	case ctx.Err() != nil:
		fail = &engine.Error{Name: "interrupted", Value: "the process of this run was ended; the session is as it was",
			Traceback: []string{red("interrupted") + "; the process of this run was ended, the session is as it was"}}
	case crash != nil && code == 2:
		fail = s.panicError(crash)
	case code == 66 && len(races) > 0 || code == 0:
	default:
		how := fmt.Sprintf("exit status %d", code)
		if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			how = "signal: " + ws.Signal().String()
		}
		fail = &engine.Error{Name: "process ended", Value: "the process of this run ended: " + how, Traceback: []string{red("the process of this run ended: ") + how}}
	}
	out.Stream("stdout", s.raceText(races, fail == nil))
	return fail
}

// relay passes on what a process prints.
type relay struct {
	name  string
	out   engine.Sink
	holds bool // keep back what looks like the last words of a crash

	mu   sync.Mutex
	s    stream
	held []byte
	mid  bool // in the middle of a line
}

// maxHeld is how much of what may be a crash is kept back.
const maxHeld = 1 << 20

var crashes = regexp.MustCompile(`(?m)^(panic: |fatal error: |panic during panic|unexpected fault address )`)

// Write is called by the one goroutine that reads the pipe.
func (r *relay) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(b)
	if len(r.held) > 0 {
		if r.held = append(r.held, b...); len(r.held) > maxHeld {
			r.pass(r.held)
			r.held, r.holds = nil, false
		}
		return n, nil
	}
	if r.holds {
		from := 0
		if r.mid {
			from = bytes.IndexByte(b, '\n') + 1
		}
		if at := crashes.FindIndex(b[from:]); at != nil && (from > 0 || !r.mid) {
			r.held = append(r.held, b[from+at[0]:]...)
			b = b[:from+at[0]]
		}
	}
	r.pass(b)
	return n, nil
}

func (r *relay) pass(b []byte) {
	if len(b) == 0 {
		return
	}
	r.mid = b[len(b)-1] != '\n'
	r.s.name = r.name
	r.s.emit(r.out, b, false)
}

// end passes on what is left; if that is a crash, it returns it instead.
func (r *relay) end() *pipe.Panic {
	r.mu.Lock()
	defer r.mu.Unlock()
	crash := parseCrash(string(r.held))
	if crash == nil {
		r.pass(r.held)
	}
	r.held = nil
	r.s.name = r.name
	r.s.emit(r.out, nil, true)
	return crash
}

var (
	goroutineHead = regexp.MustCompile(`^goroutine (\d+)[^\[]*\[`)
	frameFile     = regexp.MustCompile(`^\s+(.*):(\d+)(?: \+0x[0-9a-f]+)?$`)
)

// parseCrash reads what Go prints when a program panics; nil if text is something else.
func parseCrash(text string) *pipe.Panic {
	head, stack, ok := strings.Cut(text, "\n\ngoroutine ")
	if !ok {
		return nil
	}
	p := &pipe.Panic{Value: strings.TrimSpace(strings.TrimPrefix(head, "panic: "))}
	lines := strings.Split("goroutine "+stack, "\n")
	m := goroutineHead.FindStringSubmatch(lines[0])
	if m == nil {
		return nil
	}
	p.Goroutine = m[1] != "1"
	p.Frames = readFrames(lines[1:])
	for i, f := range p.Frames {
		if f.Func == "panic" {
			p.Frames = p.Frames[i+1:]
			break
		}
	}
	return p
}

// How functions of ordinary programs are called that are not what the user called them, see package cell.
var (
	repeated = regexp.MustCompile(`^ʼagain\d+`)
	renamed  = regexp.MustCompile(`ʼ\d+`)
)

// readFrames reads a stack, two lines a call, up to the first line that is something else.
func readFrames(lines []string) []pipe.Frame {
	var frames []pipe.Frame
	for i := 0; i+1 < len(lines); i += 2 {
		m := frameFile.FindStringSubmatch(lines[i+1])
		if m == nil || strings.TrimSpace(lines[i]) == "" {
			break
		}
		fn := strings.TrimSpace(lines[i])
		fn = strings.TrimPrefix(fn, "created by ")
		fn, _, _ = strings.Cut(fn, " in goroutine ")
		if at := strings.LastIndexByte(fn, '('); at > 0 && strings.HasSuffix(fn, ")") {
			fn = fn[:at]
		}
		if fn == "main.main" {
			continue
		}
		if rest, ok := strings.CutPrefix(fn, "main."); ok { // as package nb names them, which is what a cell's code is otherwise in
			fn = "nb." + renamed.ReplaceAllString(repeated.ReplaceAllString(rest, cell.PlainCell), "")
		}
		n, _ := strconv.Atoi(m[2])
		frames = append(frames, pipe.Frame{Func: fn, File: m[1], Line: n})
	}
	return frames
}

// race is one report of the race detector.
type race struct {
	parts []racePart
	times int
}

// racePart is one stack of it, under a title such as "Previous write at 0x00c000014098 by goroutine 7".
type racePart struct {
	title  string
	frames []pipe.Frame
}

// key is equal for reports that say the same of the user's code.
func (r race) key() string {
	var b strings.Builder
	for _, p := range r.parts {
		what, _, _ := strings.Cut(p.title, " at ")
		fmt.Fprintf(&b, "%s\n", goroutineNumber.ReplaceAllString(what, ""))
		for _, f := range userFrames(p.frames) {
			fmt.Fprintf(&b, "%s:%d\n", f.File, f.Line)
		}
	}
	return b.String()
}

var goroutineNumber = regexp.MustCompile(`(?i)goroutine \d+ \(\w+\)`)

// readRaces reads the reports of a process and of those that it started.
func readRaces(log string) []*race {
	files, _ := filepath.Glob(log + ".*")
	slices.Sort(files)
	var races []*race
	byKey := map[string]*race{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, r := range parseRaces(string(text)) {
			if same := byKey[r.key()]; same != nil {
				same.times++
				continue
			}
			byKey[r.key()] = r
			races = append(races, r)
		}
	}
	return races
}

func parseRaces(text string) []*race {
	var races []*race
	for _, report := range strings.Split(text, "==================\n") {
		body, ok := strings.CutPrefix(report, "WARNING: DATA RACE\n")
		if !ok {
			continue
		}
		r := &race{times: 1}
		for _, part := range strings.Split(body, "\n\n") {
			lines := strings.Split(strings.Trim(part, "\n"), "\n")
			title := strings.TrimSuffix(lines[0], ":")
			if title == "" {
				continue
			}
			r.parts = append(r.parts, racePart{title, readFrames(lines[1:])})
		}
		races = append(races, r)
	}
	return races
}

// userFrames is the calls that stand in cells.
func userFrames(frames []pipe.Frame) []pipe.Frame {
	var user []pipe.Frame
	for _, f := range frames {
		if _, _, ok := cell.SplitFileName(f.File); ok {
			user = append(user, f)
		}
	}
	return user
}

// How many different races of one run are shown, and how many of the user's calls of one stack.
const maxRaces, maxFrames = 10, 8

// raceText writes the races for a person: the user's lines first, what is Go's own folded. ended says that the run
// was not cut short.
func (s *Session) raceText(races []*race, ended bool) string {
	if len(races) == 0 {
		if !ended {
			return "no data race was found before the run ended\n"
		}
		return "no data race was found in this run\n"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for i, r := range races {
		if i == maxRaces {
			fmt.Fprintf(&b, "… and %d more\n", len(races)-i)
			break
		}
		seen := ""
		if r.times > 1 {
			seen = fmt.Sprintf(" (reported %d times)", r.times)
		}
		fmt.Fprintf(&b, "%s%s\n", red(fmt.Sprintf("data race %d", i+1)), seen)
		for _, p := range r.parts {
			fmt.Fprintf(&b, "  %s\n", partTitle(p.title))
			if len(p.frames) == 0 {
				fmt.Fprintln(&b, dim("    where, the race detector does not remember"))
			}
			s.stackText(&b, p.frames)
		}
	}
	what := "1 data race was found"
	if len(races) > 1 {
		what = fmt.Sprintf("%d data races were found", len(races))
	}
	b.WriteString(red(what) + " in this run\n")
	return b.String()
}

var address = regexp.MustCompile(` at 0x[0-9a-f]+`)

// partTitle says the titles of the race detector without addresses and with fewer words.
func partTitle(title string) string {
	title = address.ReplaceAllString(title, "")
	title = strings.ReplaceAll(title, " (running)", "")
	return strings.ReplaceAll(title, " (finished)", "") + ":"
}

// stackText writes the user's calls of a stack with their text; only if there is none, the innermost others. Of a
// function of a package that the user's code called, the name is given.
func (s *Session) stackText(b *strings.Builder, frames []pipe.Frame) {
	user := userFrames(frames)
	shown := 0
	for _, f := range frames {
		if shown == 3 || len(user) > 0 && f == user[0] {
			break
		}
		if len(user) == 0 || !strings.HasPrefix(f.Func, "runtime.") {
			fmt.Fprintln(b, dim(fmt.Sprintf("    in %s (%s:%d)", cell.PlainPaths(f.Func), f.File, f.Line)))
			shown++
		}
	}
	for i, f := range user {
		if i == maxFrames {
			fmt.Fprintln(b, dim(fmt.Sprintf("    … and %d more", len(user)-i)))
			break
		}
		_, name, _ := cell.SplitFileName(f.File)
		fmt.Fprintf(b, "    %s in %s\n", bold(fmt.Sprintf("%s:%d", name, f.Line)), userFunc(f.Func))
		if src := s.source(f.File); src != nil {
			for _, l := range []string{oneLine(src, f.Line)} {
				fmt.Fprintf(b, "    %s\n", l)
			}
		}
	}
}
