package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golab/kernel/internal/build"
	"golab/kernel/internal/engine"
)

// marked starts a session whose worker, and all that it starts, can be told from other processes. When the test ends, no
// process and no file of it may be left.
func marked(t *testing.T) *Session {
	t.Helper()
	dir := t.TempDir()
	mark := fmt.Sprintf("GOLAB_TEST_MARK=%s.%d", t.Name(), os.Getpid())
	tmp := os.Getenv("TMPDIR")
	if !strings.HasPrefix(tmp, "/golab-tmp") {
		tmp = t.TempDir()
		t.Setenv("TMPDIR", tmp)
	}
	s, err := New(Options{Open: build.Open, Dir: dir, Env: []string{mark}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range processes() {
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if slices.Contains(strings.Split(string(env), "\x00"), mark) {
				cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				t.Errorf("process %d is left: %q", pid, cmd)
				syscall.Kill(pid, syscall.SIGKILL)
			}
			cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if bytes.Contains(cmd, []byte(s.dir)) {
				t.Errorf("process %d is left: %q", pid, cmd)
			}
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("files are left: %v %v", left, err)
		}
	})
	return s
}

func processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// seen calls do with the number of a process as soon as one with a fitting command line works for s. It goes on until
// the function that it returns is called, which reports whether there was one.
func seen(s *Session, fits func(args []string) bool, do func(pid int)) (stop func() bool) {
	end, ended := make(chan struct{}), make(chan bool)
	go func() {
		found := map[int]bool{}
		for {
			for _, pid := range processes() {
				cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				args := strings.Split(string(cmd), "\x00")
				if !found[pid] && bytes.Contains(cmd, []byte(s.dir)) && fits(args) {
					found[pid] = true
					do(pid)
				}
			}
			select {
			case <-end:
				ended <- len(found) > 0
				return
			default:
			}
		}
	}()
	return func() bool {
		close(end)
		return <-ended
	}
}

// tool fits processes of a program, by the beginning of its name.
func tool(names ...string) func([]string) bool {
	return func(args []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(filepath.Base(args[0]), n) })
	}
}

// hit runs a cell until do has hit it: the process that is looked for lives for milliseconds only.
func hit(t *testing.T, s *Session, code string, fits func([]string) bool, do func(pid int)) (string, *engine.Error) {
	t.Helper()
	for range 50 {
		stop := seen(s, fits, do)
		out, err := runCell(s, 3, code)
		if stop() && err != nil {
			return out, err
		}
	}
	t.Fatal("no process was hit")
	return "", nil
}

func kill(pid int) { syscall.Kill(pid, syscall.SIGKILL) }

func workerPID(s *Session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.worker.cmd.Process.Pid
}

func contains(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("this does not tell of %q:\n%.3000s", w, out)
		}
	}
}

func TestToolsKilled(t *testing.T) {
	s := marked(t)
	s.compileAll = true
	must(t, s, "x := 1")
	for name, fits := range map[string]func([]string) bool{"compile": tool("compile"), "link": tool("golab-link", "link")} {
		out, err := hit(t, s, "x++\nx", fits, kill)
		if err.Name != "GoLab error" {
			t.Errorf("%s: %v", name, err)
		}
		contains(t, out, name, "killed", "was not run", "values are as they were", "hint: ")
		now := must(t, s, "x")
		if next := must(t, s, "x++\nx"); next == now { // cells that were not hit have counted
			t.Errorf("%s: %s after %s", name, next, now)
		}
	}
}

// small mounts a file system of that many bytes for the session's temporary files.
func small(t *testing.T, bytes int) string {
	t.Helper()
	t.TempDir() // lies elsewhere
	dir, err := os.MkdirTemp("/", "golab-tmp")
	if err != nil {
		t.Skip("no place for a file system of its own: ", err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skip("can't mount a small file system: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	t.Setenv("TMPDIR", dir)
	return dir
}

func TestDiskFull(t *testing.T) {
	dir := small(t, 16<<20)
	s := marked(t)
	must(t, s, "x := 1")
	for _, room := range []int64{0, 16 << 10, 64 << 10} { // for the sources, for a part of the objects
		filler, err := os.Create(filepath.Join(dir, "filler"))
		if err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		for block := make([]byte, 4096); ; size += int64(len(block)) {
			if _, err := filler.Write(block); err != nil {
				break
			}
		}
		if err := filler.Truncate(size - room); err != nil {
			t.Fatal(err)
		}
		out, failed := runCell(s, 2, "x++\nfmt.Println(strings.Repeat(`a`, x), math.Sqrt(2), sort.IsSorted(nil), x)")
		if failed == nil || failed.Name != "GoLab error" {
			t.Errorf("with %d bytes: %s", room, out)
		}
		contains(t, out, "no space left on device", "was not run", "hint: free some space", dir)
		filler.Close()
		os.Remove(filler.Name())
		if got := must(t, s, "x"); got != "=> 1\n" {
			t.Errorf("x is %s", got)
		}
	}
}

func TestTempFolderRemoved(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	os.RemoveAll(s.dir)
	if got := must(t, s, "x++\nx"); got != "=> 2\n" {
		t.Errorf("shows %s", got)
	}
	os.RemoveAll(s.dir)
	kill(workerPID(s))
	<-s.worker.gone
	if got := must(t, s, "gonbui.DisplayMarkdown(`*here*`)\n1"); !strings.Contains(got, "*here*") {
		t.Errorf("shows %s", got)
	}
}

func TestWorkingFolderRemoved(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	os.RemoveAll(s.opts.Dir)
	if got := must(t, s, "x++\nx"); got != "=> 2\n" {
		t.Errorf("shows %s", got)
	}
	kill(workerPID(s))
	<-s.worker.gone
	out, err := runCell(s, 3, "1")
	if err == nil {
		t.Errorf("shows %s", out)
	}
	contains(t, out, "lost: the values of x", "the folder in which cells run is not there", s.opts.Dir, "make it again")
	if err := os.Mkdir(s.opts.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := must(t, s, "os.Chdir(`/`)\n1"); got != "=> 1\n" {
		t.Errorf("shows %s", got)
	}
	if got := must(t, s, "d, _ := os.Getwd()\nd"); got != "=> \"/\"\n" { // the folder is the process's, as everywhere
		t.Errorf("shows %s", got)
	}
}

func TestWorkerKilledBetweenCells(t *testing.T) {
	s := marked(t)
	must(t, s, "x, y := 1, 2\nfunc f() int { return 3 }\ntype T struct{ a int }")
	w := s.worker
	kill(workerPID(s))
	<-w.gone
	out, err := runCell(s, 2, "f() + T{4}.a")
	if err != nil {
		t.Errorf("got %s", out)
	}
	contains(t, out, "since the last cell, the worker process ended", "killed", "lost: the values of x, y", "functions, types and imports are kept", "=> 7")
	out, err = runCell(s, 3, "x")
	if err == nil || err.Name != "compile error" {
		t.Errorf("got %s", out)
	}
	contains(t, out, "x was lost: the worker process ended before cell[2]")
	if got := must(t, s, "x := 5\nx"); got != "=> 5\n" {
		t.Errorf("got %s", got)
	}
	// A goroutine that outlives its cell ends the worker.
	must(t, s, "release := make(chan int)\ngo func() { <-release; os.Exit(9) }()")
	w = s.worker
	out, err = runCell(s, 5, "close(release)")
	if err == nil {
		<-w.gone
		out, _ = runCell(s, 6, "1")
	}
	contains(t, out, "exit status 9", "lost: the values of release, x")
}

func TestWorkerKilledWhileCompiling(t *testing.T) {
	s := marked(t)
	s.compileAll = true
	must(t, s, "x := 1")
	out, err := hit(t, s, "x = 2", tool("compile"), func(int) { kill(workerPID(s)) })
	if err.Name != "worker died" {
		t.Errorf("got %s", out)
	}
	contains(t, out, "the cell was not run", "lost: the values of x")
	if got := must(t, s, "x := 3\nx"); got != "=> 3\n" {
		t.Errorf("got %s", got)
	}
}

func TestWorkerKilledWhileLoading(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1\ntype T struct{ a int }")
	stop := make(chan struct{})
	done := make(chan bool)
	go func() {
		maps := fmt.Sprintf("/proc/%d/maps", workerPID(s))
		for {
			if b, _ := os.ReadFile(maps); bytes.Contains(b, []byte("/g2/cell.so")) {
				kill(workerPID(s))
				done <- true
				return
			}
			select {
			case <-stop:
				done <- false
				return
			default:
			}
		}
	}()
	out, err := runCell(s, 2, "type T struct{ a, b string }\nselect {}")
	close(stop)
	if !<-done || err == nil || err.Name != "worker died" {
		t.Fatalf("got %s", out)
	}
	contains(t, out, "killed", "lost: the values of x")
	// T is what it was: the cell was never loaded.
	if got := must(t, s, "v := T{1}\nv.a"); got != "=> 1\n" {
		t.Errorf("got %s", got)
	}
}

// TestStoppedWorker stops the worker, whose pipes then fill: the front answers, and ends.
func TestStoppedWorker(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	w := &waiter{word: "go", seen: make(chan struct{})}
	done := make(chan *engine.Error, 1)
	go func() { done <- s.Execute(engine.Request{Code: "fmt.Println(`go`)\nfor { x++ }", Count: 2}, w).Err }()
	<-w.seen
	syscall.Kill(workerPID(s), syscall.SIGSTOP)
	for range 20000 { // more than the pipe holds
		s.Interrupt()
	}
	if c := s.Complete("x", 1); !slices.Contains(c.Matches, "x") {
		t.Errorf("completes %v", c)
	}
	if err := <-done; err == nil || err.Name != "worker died" || !strings.Contains(err.Value, "did not stop") {
		t.Errorf("got %v", err)
	}
	must(t, s, "1")
	syscall.Kill(workerPID(s), syscall.SIGSTOP) // and the session is closed
}

func TestClosedDescriptors(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	for _, code := range []string{
		"syscall.Close(1)", "syscall.Close(2)", "syscall.Close(3)", "syscall.Close(4)",
		"os.Stdout.Close()", "os.Stderr.Close()", "os.Stdin.Close()",
		"os.Stdout.Close(); os.Stdout = nil",
		"null, _ := os.Open(os.DevNull); syscall.Dup3(int(null.Fd()), 1, 0); syscall.Close(1)",
	} {
		if out, err := runCell(s, 2, code); err != nil {
			t.Errorf("%s: %s", code, out)
		}
		got := must(t, s, "fmt.Println(`to stdout`); fmt.Fprintln(os.Stderr, `to stderr`); gonbui.DisplayMarkdown(`md`); x++\nx > 1")
		for _, want := range []string{"to stdout\n", "stderr: to stderr\n", "md", "=> true"} {
			if !strings.Contains(got, want) {
				t.Errorf("after %s, the next cell shows %q", code, got)
				break
			}
		}
	}
	// With the runtime's own descriptors nothing can go on.
	out, err := runCell(s, 3, "for fd := 0; fd < 1000; fd++ { syscall.Close(fd) }")
	if err == nil {
		out, err = runCell(s, 4, "x")
	}
	if err == nil || err.Name != "worker died" && err.Name != "compile error" {
		t.Errorf("got %s", out)
	}
	contains(t, out, "lost: the values of", "x")
	// A file that takes the place of standard output gets what is printed, and nothing else.
	file := filepath.Join(t.TempDir(), "out")
	must(t, s, fmt.Sprintf("f, _ := os.Create(%q)\nsyscall.Dup3(int(f.Fd()), 1, 0)\nfmt.Println(`printed`)\nnb.Display(nb.Bundle{`text/plain`: `displayed`})", file))
	must(t, s, "syscall.Close(1)")
	if got := must(t, s, "fmt.Println(`again`)"); got != "again\n" {
		t.Errorf("shows %q", got)
	}
	if b, err := os.ReadFile(file); string(b) != "printed\n" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

// TestJunkInPipes writes what is no message, and what looks like one, into every pipe of the worker.
func TestJunkInPipes(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	junk := `func junk(b []byte) {
	for fd := 3; fd < 600; fd++ {
		if link, err := os.Readlink(fmt.Sprint("/proc/self/fd/", fd)); err == nil && strings.HasPrefix(link, "pipe:") {
			syscall.SetNonblock(fd, true)
			syscall.Write(fd, b)
			syscall.SetNonblock(fd, false)
		}
	}
}`
	must(t, s, junk)
	for i, b := range []string{
		"no message\n", "{\n", "\x00\xff\n", `{"Seq":1,"Done":{"Gen":3}}` + "\n" + `{"Seq":2,"Done":{"Gen":1}}` + "\n",
		`{"Done":{"Gen":99,"Set":["x","y"]}}` + "\n\x1b_golab:0\x1b\\", "no end",
	} {
		if out, err := runCell(s, i, fmt.Sprintf("junk([]byte(%q))", b)); err != nil {
			t.Errorf("%q: %s", b, out)
		}
		if got := must(t, s, "x++\nx"); got != fmt.Sprintf("=> %d\n", i+2) {
			t.Errorf("after %q: %s", b, got)
		}
	}
	must(t, s, "fmt.Print(`\x1b_golab:7\x1b\\\\ \x1b_golab:999999\x1b\\\\ \x1b_golab:x\x1b\\\\ \x1b_golab:`)")
	// gonbui's pipe gives up, its displays are lost, the session is not.
	must(t, s, "g, _ := os.OpenFile(os.Getenv(`GONB_PIPE`), os.O_WRONLY, 0)\nfor i := range 3000 { g.Write([]byte{byte(i), 0xfb, 0xff, byte(i >> 3), 7, 1}) }")
	if got := must(t, s, "x++\nx"); got != "=> 8\n" {
		t.Errorf("got %s", got)
	}
}

func TestOtherProgramInPlace(t *testing.T) {
	s := marked(t)
	must(t, s, "x := 1")
	out, err := runCell(s, 2, "syscall.Exec(`/bin/sh`, []string{`sh`, `-c`, `sleep 1000`}, os.Environ())")
	if err == nil || err.Name != "worker died" {
		t.Fatalf("got %s", out)
	}
	contains(t, out, "syscall.Exec", "lost: the values of x")
	out, err = runCell(s, 3, "syscall.Exec(`/bin/sh`, []string{`sh`, `-c`, `exit 7`}, os.Environ())")
	if err == nil || err.Name != "worker died" {
		t.Fatalf("got %s", out)
	}
	contains(t, out, "exit status 7")
	must(t, s, "1")
}

func TestFatalErrorsAreNamed(t *testing.T) {
	s := marked(t)
	for _, test := range []struct {
		code  string
		words []string
	}{
		{"func f(n int) int { return f(n+1) + 1 }\nf(0)", []string{"stack overflow in f (cell[2]:1)", "does it call itself without end?"}},
		{"m := map[int]int{}\nfor i := range 8 {\n\tgo func() { for { m[i]++ } }()\n}\nfor { m[9]++ }", []string{"concurrent map writes", "cell[2]", "sync.Mutex"}},
		{"var mu sync.Mutex\nmu.Unlock()", []string{"sync: unlock of unlocked mutex", "cell[2]:2"}},
		{"p := (*int)(unsafe.Pointer(uintptr(12345678)))\n*p = 1", []string{"unexpected fault address", "cell[2]:2"}},
		{`lim := syscall.Rlimit{}
status, _ := os.ReadFile("/proc/self/statm")
pages := uint64(0)
fmt.Sscan(string(status), &pages)
lim.Cur, lim.Max = pages<<12+512<<20, pages<<12+512<<20
syscall.Setrlimit(syscall.RLIMIT_AS, &lim)
var all [][]byte
for { all = append(all, make([]byte, 1<<20)) }`, []string{"out of memory", "has no more memory"}},
	} {
		must(t, s, "x := 1\nfunc g() int { return 4 }\ntype T struct{ n int }")
		out, err := runCell(s, 2, test.code)
		if err == nil || err.Name != "worker died" && err.Name != "panic" {
			t.Errorf("%s\n%.3000s", test.code, out)
			continue
		}
		if err.Name == "worker died" {
			contains(t, err.Value, test.words...)
			contains(t, err.Value, "lost: the values of", "x", "functions, types and imports are kept")
			if len(out) > 2000 {
				t.Errorf("%d bytes are shown, such as\n%.3000s", len(out), out)
			}
		}
		if got := must(t, s, "g() + T{1}.n"); got != "=> 5\n" {
			t.Errorf("got %s", got)
		}
	}
}

// TestNoLastWords prints what looks like last words and lives on.
func TestNoLastWords(t *testing.T) {
	defer func(d time.Duration) { maxSilence = d }(maxSilence)
	maxSilence = 10 * time.Millisecond
	s := marked(t)
	const said = "panic: not at all\nfatal error: neither\n"
	out := must(t, s, fmt.Sprintf("os.Stderr.WriteString(%q)\nfmt.Print(`done`)", "a\n"+said))
	contains(t, out, "stderr: a", "stderr: panic: not at all", "stderr: fatal error: neither", "done")
	// While a cell goes on, too.
	w := &waiter{word: "neither", seen: make(chan struct{})}
	done := make(chan *engine.Error, 1)
	go func() {
		done <- s.Execute(engine.Request{Code: fmt.Sprintf("os.Stderr.WriteString(%q)\nselect {}", said), Count: 2}, w).Err
	}()
	<-w.seen
	s.Interrupt()
	if err := <-done; err == nil || err.Name != "interrupted" {
		t.Errorf("got %v", err)
	}
}

// TestWhatCellsStartEnds leaves programs running that wait, and that write without end, and a group of their own.
func TestWhatCellsStartEnds(t *testing.T) {
	s := marked(t)
	must(t, s, "sleep := exec.Command(`sleep`, `1000`)\nsleep.Start()")
	must(t, s, "yes := exec.Command(`sh`, `-c`, `while :; do echo y; done`)\nyes.Stdout = os.Stdout\nyes.Start()")
	out, err := runCell(s, 3, "os.Exit(1)")
	if err == nil || err.Name != "worker died" {
		t.Errorf("got %.300s", out)
	}
	must(t, s, "sleep := exec.Command(`sleep`, `1000`)\nsleep.Stdout = os.Stdout\nsleep.Start()")
}

func TestOpenIsTriedAgain(t *testing.T) {
	full := errors.New("write base: no space left on device")
	left := 2
	s, err := New(Options{Dir: t.TempDir(), Open: func(ctx context.Context, report func(string)) (*build.Base, error) {
		if left--; left >= 0 {
			return nil, full
		}
		return build.Open(ctx, report)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-s.started
	out, failed := runCell(s, 1, "1")
	if failed == nil || failed.Name != "GoLab error" {
		t.Errorf("got %s", out)
	}
	contains(t, out, "no space left on device", "hint: free some space and run the cell again")
	if got := must(t, s, "1"); got != "=> 1\n" {
		t.Errorf("got %s", got)
	}
}

// TestCloseWhileCompiling closes a session whose cell is being compiled.
func TestCloseWhileCompiling(t *testing.T) {
	s := marked(t)
	must(t, s, "1")
	ended := make(chan struct{})
	began := make(chan struct{})
	stop := seen(s, tool("compile"), func(int) { close(began) })
	go func() {
		defer close(ended)
		s.Execute(engine.Request{Code: "fmt.Println(1)", Count: 2}, &transcript{})
	}()
	select {
	case <-began:
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	case <-ended: // it was too fast to be seen
	}
	stop()
	if res := s.Execute(engine.Request{Code: "1", Count: 3}, &transcript{}); res.Err == nil && s.closed {
		t.Error("a closed session runs cells")
	}
}
