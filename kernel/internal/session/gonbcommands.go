package session

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/modules"
	"golab/kernel/nb"
)

// moduleCommands are those about what cells can import.
var moduleCommands = []*command{
	{name: "get", usage: "MODULE[@VERSION] …", about: "get modules: the newest version, or that one", run: getModules},
	{name: "use", usage: "DIR", about: "use the module in a folder, also while it is edited", args: folders, run: useModule},
	{name: "mod", usage: "[save|load [FILE]]", about: "list the session's modules; keep them beside the notebook", options: []string{"save", "load"}, args: files, run: mod},
	{name: "autoget", about: "get modules of packages that cells import and nothing has; so it is from the start", run: autoGetCommand(false)},
	{name: "noautoget", about: "say what is missing instead", run: autoGetCommand(true)},
}

// gonbCommands are those that notebooks of GoNB may have and that have no use of their own here.
var gonbCommands = []*command{
	{name: "goflags", usage: `[FLAG … | ""]`, about: `flags of go build, for %test and %race; "" removes them`, plain: true, run: goFlagsCommand,
		more: "Cells themselves are compiled by GoLab, not by the go command, and heed no flags."},
	{name: "goworkfix", about: "%use the modules of a go.work beside the session's go.mod", run: goWorkFix},
	{name: "track", usage: "[DIR]", about: "list the modules whose files are watched; with DIR, %use it", args: folders, run: track},
	{name: "untrack", usage: "DIR …", about: "stop to watch; GoLab watches what %use names as long as it is used", args: folders, run: untrack},
	{name: "widgets", about: "let gonb_comm work in the page; GoNB's widgets do that by themselves", run: gonbWidgets},
	{name: "widgets_hb", about: "say whether the page's gonb_comm is connected", run: gonbHeartbeat},
	{name: "wasm", about: "not supported, and says why", run: wasm},
}

func wasm(_ context.Context, _ *Session, c *call) *engine.Error {
	c.r.way = done
	return c.failf("GoLab does not compile cells for the browser: their values live in the worker, where a browser's code could not use them\n" +
		"hint: golab/viz/widgets has controls that call Go; JavaScript shows as HTML; GoNB itself runs %%wasm cells")
}

// goWorkFix is %goworkfix: GoLab's way to take local modules is %use, which does it without a go.work.
func goWorkFix(ctx context.Context, s *Session, c *call) *engine.Error {
	folder, err := s.moduleFolder(ctx)
	if err != nil {
		return c.ended(ctx, err)
	}
	dirs, ok, err := folder.Workspace(ctx)
	switch {
	case err != nil:
		return c.ended(ctx, err)
	case !ok:
		return c.failf("there is no go.work in %s, nothing to do; `%%use DIR` uses the module in a folder", folder.Dir())
	}
	for _, dir := range dirs {
		if path, version := folder.Own(ctx, dir); version != "" {
			c.r.out.Stream("stderr", fmt.Sprintf("golab: GoLab itself uses %s %s, which the session keeps; `%%use %s` takes the folder all the same\n", path, version, dir))
			continue
		}
		if err := s.use(ctx, c, dir, "\t- Added replace rule for module %q to local directory %q.\n"); err != nil {
			return err
		}
	}
	return nil
}

// use uses the module in a folder and says so for each module that this brings.
func (s *Session) use(ctx context.Context, c *call, dir, format string) *engine.Error {
	var paths []string
	err := s.changeModules(ctx, c.r.out, func(f *modules.Folder) (err error) {
		paths, err = f.Use(ctx, dir)
		return err
	})
	if err != nil {
		return c.ended(ctx, err)
	}
	dirs := s.mods.folder.Locals()
	for _, p := range paths {
		c.print(format, p, dirs[p])
	}
	return nil
}

// track is %track.
func track(ctx context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	for _, dir := range words {
		path := s.expand(dir)
		if st, err := os.Stat(path); err == nil && !st.IsDir() {
			path = filepath.Dir(path)
		}
		if err := s.use(ctx, c, path, "\tTracking %q (%s)\n"); err != nil {
			return err
		}
	}
	if len(words) > 0 {
		return nil
	}
	var dirs []string
	if s.mods.folder != nil {
		dirs = slices.Sorted(maps.Values(s.mods.folder.Locals()))
	}
	if len(dirs) == 0 {
		c.r.out.Display(nb.Output{Data: nb.Bundle{"text/plain": "No files or directory being tracked yet", "text/html": "<b>No files or directory being tracked yet</b>"}})
		return nil
	}
	markup := "<b>List of files/directories being tracked:</b>\n<ul>\n"
	for _, d := range dirs {
		markup += "<li>" + html.EscapeString(d) + "</li>\n"
	}
	c.r.out.Display(nb.Output{Data: nb.Bundle{"text/plain": "tracked:\n" + strings.Join(dirs, "\n"), "text/html": markup + "</ul>"}})
	return nil
}

// untrack is %untrack.
func untrack(_ context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	if len(words) == 0 {
		return c.usage("what is not to be watched?")
	}
	for _, w := range words {
		prefix, all := strings.CutSuffix(w, "...")
		path := s.path(prefix)
		if s.mods.folder != nil {
			for p, dir := range s.mods.folder.Locals() {
				if dir == path || all && strings.HasPrefix(dir, prefix) {
					return c.failf("%s from %s is used by this session and watched as long as it is\nhint: `%%reset go.mod` drops the session's modules", p, dir)
				}
			}
		}
		c.r.out.Stream("stderr", fmt.Sprintf("golab: %s is not watched\n", w))
	}
	return nil
}

// rereadModules takes what a shell command did to go.mod.
func (s *Session) rereadModules(ctx context.Context, out engine.Sink) error {
	if err := s.mods.folder.Reread(ctx); err != nil {
		return err
	}
	return s.adopt(ctx, out)
}

// writeProgram writes the last cell that ran as an ordinary program beside the session's go.mod, for `!*go build` and the
// like, as GoNB does. What can't be written so is not there. It is taken away again by the function returned: it would
// mean something to the session's own go commands.
func (s *Session) writeProgram() (remove func()) {
	remove = func() {}
	for i := len(s.history) - 1; i >= 0; i-- {
		rec := s.history[i]
		if !rec.ok || strings.TrimSpace(rec.code) == "" {
			continue
		}
		p, err := s.plain(&cell.Source{Name: rec.name(), Gen: s.nextGen(), Text: rec.code})
		if err != nil || p.Empty() {
			return remove
		}
		var written []string
		for name, text := range p.Files {
			path := filepath.Join(s.settings.modules, name)
			if _, err := os.Stat(path); err == nil { // the user's
				continue
			}
			if os.WriteFile(path, []byte(text), 0o600) == nil {
				written = append(written, path)
			}
		}
		return func() {
			for _, path := range written {
				os.Remove(path)
			}
		}
	}
	return remove
}

func (s *Session) nextGen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	return s.gen
}

// testCell is %test: code runs the cell's tests.
func testCell(_ context.Context, _ *Session, c *call) *engine.Error {
	words, err := c.words()
	if err != nil {
		return err
	}
	c.r.way, c.r.testArgs, c.r.testing = tested, words, c
	return nil
}

// testFlag is a flag of go test that its program takes, too.
var testFlag = regexp.MustCompile(`^--?(bench|benchmem|benchtime|blockprofile|count|cpu|cpuprofile|failfast|fuzz|fuzztime|list|memprofile|parallel|run|short|shuffle|skip|timeout|trace|v)(=|$)`)

// runTests declares what the cell does and runs tests, in a process of their own: its own, or all of the session if it has
// none. They are GoNB's defaults.
func (s *Session) runTests(ctx context.Context, r *run, out engine.Sink) *engine.Error {
	if err := s.runCode(ctx, r, out); err != nil {
		return err
	}
	s.mu.Lock()
	r.inWorker = false
	state := s.state.Snapshot()
	s.mu.Unlock()
	find := func(in func(cellName string) bool) (all []string) {
		for _, n := range state.Names() {
			if _, at := state.Definition(n); state.Kind(n) == "function" && cell.IsTest(n) != "" && in(at) {
				all = append(all, n)
			}
		}
		return all
	}
	all := find(func(string) bool { return true })
	chosen := find(func(at string) bool { return at == r.src.Name })
	if len(chosen) == 0 || len(r.testArgs) > 0 {
		chosen = all
	}
	if len(chosen) == 0 {
		return r.testing.failf("there are no tests: no cell has declared a `func TestX(t *testing.T)` or `func BenchmarkX(b *testing.B)`")
	}
	var args, flags []string
	for _, a := range r.testArgs {
		switch {
		case a == "-race" || a == "--race":
			flags = append(flags, "-race")
		case testFlag.MatchString(a):
			args = append(args, "-test."+strings.TrimLeft(a, "-"))
		case a != "":
			args = append(args, a)
		}
	}
	if len(r.testArgs) == 0 {
		args = defaultTestFlags(chosen)
	}
	return s.testProcess(ctx, r, out, chosen, flags, args)
}

// defaultTestFlags runs just those tests and benchmarks, and tells of each.
func defaultTestFlags(names []string) []string {
	byKind := map[string][]string{}
	for _, n := range names {
		k := cell.IsTest(n)
		if k == "Fuzz" { // their seeds run as tests
			k = "Test"
		}
		byKind[k] = append(byKind[k], n)
	}
	args := []string{"-test.v", "-test.run=^(" + strings.Join(byKind["Test"], "|") + ")$"}
	if len(byKind["Benchmark"]) > 0 {
		args = append(args, "-test.bench=^("+strings.Join(byKind["Benchmark"], "|")+")$", "-test.benchmem")
	}
	return args
}

// testProcess builds and runs tests.
func (s *Session) testProcess(ctx context.Context, r *run, out engine.Sink, names, flags, args []string) *engine.Error {
	src := &cell.Source{Name: r.src.Name, Gen: s.nextGen(), Text: ""}
	prog, err := s.plainTests(src, names)
	if err != nil {
		return s.compileError(err)
	}
	if len(prog.Anew) > 0 {
		for _, w := range anew(prog.Anew) {
			out.Stream("stderr", "golab: "+w+"\n")
		}
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("test%d", src.Gen))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s.failed(err)
	}
	defer os.RemoveAll(dir)
	if err := s.copyEmbedded(prog.Embeds, dir); err != nil {
		return s.compileError(err)
	}
	exe := filepath.Join(dir, "cell.test")
	err = s.packages().Tests(ctx, dir, prog.Files, exe, append(flags, s.settings.goFlags()...)...)
	if ctx.Err() != nil {
		return interruptedWhile("the tests were being compiled")
	}
	if err != nil {
		var tool *build.ToolError
		if errors.As(err, &tool) && len(s.toolErrors(tool)) == 0 {
			return r.testing.failf("%s", tool.Output)
		}
		return s.compileError(err)
	}
	folder, env := s.now()
	err = s.runProgram(ctx, r, program{argv: append([]string{exe}, args...), dir: folder, env: env})
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r.testing.interrupted()
	case errors.As(err, &exit):
		return &engine.Error{Name: "tests failed", Value: "the tests ended with " + ending(exit), Traceback: []string{red("the tests failed") + " (" + ending(exit) + ")"}}
	case err != nil:
		return s.failed(err)
	}
	return nil
}

// plainTests writes tests as a program. A bug of ours that panics on them is an error of the cell.
func (s *Session) plainTests(src *cell.Source, names []string) (prog *cell.Plain, err error) {
	defer func() {
		if r := recover(); r != nil {
			prog, err = nil, fmt.Errorf("GoLab can't handle these tests, which is a bug: %v", r)
			if os.Getenv("GOLAB_DEBUG") != "" {
				panic(r)
			}
		}
	}()
	return s.state.PlainTests(src, s.packages(), names)
}
