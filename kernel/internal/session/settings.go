package session

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/pipe"
)

// settings is what commands set for cells and programs: the folder, the environment and more. A worker that is started
// anew gets them, too.
type settings struct {
	modules string   // the folder of the session's go.mod
	given   []string // of Options

	mu        sync.Mutex
	dir       string
	left      string            // the folder before, for `%cd -`
	env       map[string]string // set by %env
	gone      map[string]bool   // removed by %env -u
	flags     []string          // %goflags
	noAutoGet bool
}

func newSettings(opts Options, private string) *settings {
	t := &settings{modules: filepath.Join(private, "mod"), dir: opts.Dir, env: map[string]string{}, gone: map[string]bool{}}
	t.given = append([]string{"TF_CPP_MIN_LOG_LEVEL=2", "GOMLX_NO_AUTO_INSTALL=1"}, opts.Env...)
	if abs, err := filepath.Abs(opts.Dir); err == nil {
		t.dir = abs
	}
	return t
}

// folder is where cells run as far as commands say.
func (t *settings) folder() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dir
}

// goFlags are the flags of %goflags.
func (t *settings) goFlags() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.flags)
}

// environ is the environment of what the session starts, with the variables that GoNB has.
func (t *settings) environ() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	env := append(os.Environ(), t.given...)
	env = slices.DeleteFunc(env, func(kv string) bool {
		k, _, _ := strings.Cut(kv, "=")
		return t.gone[k]
	})
	for _, k := range slices.Sorted(maps.Keys(t.env)) {
		env = append(env, k+"="+t.env[k])
	}
	return append(env, t.gonb()...)
}

func (t *settings) gonb() []string {
	return []string{protocol.GONB_DIR_ENV + "=" + t.dir, protocol.GONB_TMP_DIR_ENV + "=" + t.modules}
}

// change has the worker change, too, if one runs.
func (s *Session) change(set pipe.Settings) {
	w := s.runningWorker()
	if w == nil {
		return
	}
	set.Args = w.settled
	w.send(pipe.Command{Settings: &set})
}

// settle prepares the worker for the cell r: it is a program with arguments.
func (s *Session) settle(w *process, r *run) {
	flags := cell.DefinedFlags(r.src.Text)
	if len(flags) == 0 && slices.Equal(w.settled, r.args) {
		return
	}
	w.settled = r.args
	w.send(pipe.Command{Settings: &pipe.Settings{Args: r.args, Flags: flags}})
}

// now asks the worker for its folder and environment, which cells may have changed; without one they are what commands say.
func (s *Session) now() (dir string, env []string) {
	if w := s.runningWorker(); w != nil {
		if a, ok := w.query(pipe.Query{Process: true}); ok && a.Process != nil && a.Process.Dir != "" {
			env = slices.DeleteFunc(a.Process.Env, func(kv string) bool { return strings.HasPrefix(kv, protocol.GONB_PIPE_ENV) })
			return a.Process.Dir, env
		}
	}
	return s.settings.folder(), s.settings.environ()
}

// folderNow is the folder in which cells run.
func (s *Session) folderNow() string {
	dir, _ := s.now()
	return dir
}

// expand replaces $NAME and ${NAME}, and ~ at the start, in a path that a command names, and makes it absolute.
func (s *Session) expand(name string) string {
	_, env := s.now()
	return s.path(os.Expand(name, func(k string) string { return getenv(env, k) }))
}

// getenv is the last value of a variable in an environment.
func getenv(env []string, name string) string {
	v, _ := lookupEnv(env, name)
	return v
}

func lookupEnv(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// changeFolder is %cd.
func changeFolder(_ context.Context, s *Session, c *call) *engine.Error {
	t := s.settings
	if c.Args == "" {
		c.print("Current directory: %q\n", s.folderNow())
		return nil
	}
	name := c.Args
	if words, err := splitWords(c.Args); err == nil && len(words) == 1 {
		name = words[0]
	}
	now := s.folderNow()
	dir := ""
	if name == "-" {
		t.mu.Lock()
		dir = t.left
		t.mu.Unlock()
		if dir == "" {
			return c.failf("there is no folder to go back to: this is the first `%%cd`")
		}
	} else {
		dir = s.expand(name)
	}
	switch st, err := os.Stat(dir); {
	case err != nil:
		return c.failf("%v", err)
	case !st.IsDir():
		return c.failf("%s is a file", dir)
	}
	t.mu.Lock()
	t.left, t.dir = now, dir
	gonb := protocol.GONB_DIR_ENV
	t.mu.Unlock()
	s.change(pipe.Settings{Dir: dir, Env: map[string]string{gonb: dir}})
	c.print("Changed directory to %q\n", dir)
	return nil
}

// printFolder is %pwd.
func printFolder(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	c.print("%s\n", s.folderNow())
	return nil
}

// environmentCommand is %env.
func environmentCommand(_ context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	_, env := s.now()
	name, value, set := "", "", false
	switch {
	case len(words) == 0:
		now := map[string]string{}
		for _, kv := range env {
			k, v, _ := strings.Cut(kv, "=")
			now[k] = v
		}
		for _, k := range slices.Sorted(maps.Keys(now)) {
			c.print("%s=%s\n", k, now[k])
		}
		return nil
	case words[0] == "-u":
		if len(words) < 2 {
			return c.usage("-u needs the name of a variable")
		}
		s.settings.mu.Lock()
		for _, k := range words[1:] {
			delete(s.settings.env, k)
			s.settings.gone[k] = true
		}
		s.settings.mu.Unlock()
		s.change(pipe.Settings{Unset: words[1:]})
		return nil
	case len(words) == 1:
		name, value, set = strings.Cut(words[0], "=")
		if !set {
			v, ok := lookupEnv(env, name)
			if !ok {
				return c.failf("%s is not set", name)
			}
			c.print("%s\n", v)
			return nil
		}
	default:
		name = words[0]
		value = strings.TrimSpace(c.Args[len(name):])
		if k, v, ok := strings.Cut(name, "="); ok { // VAR=two words
			name, value = k, strings.TrimSpace(v+c.Args[len(name):])
		}
		if rest, err := splitWords(value); err == nil && len(rest) == 1 {
			value = rest[0] // in quotes
		}
	}
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return c.usage("%q is no name of a variable", name)
	}
	s.settings.mu.Lock()
	s.settings.env[name] = value
	delete(s.settings.gone, name)
	s.settings.mu.Unlock()
	s.change(pipe.Settings{Env: map[string]string{name: value}})
	c.print("Set: %s=%q\n", name, value)
	return nil
}

// arguments is %args, and what stands behind `%%`.
func arguments(_ context.Context, _ *Session, c *call) *engine.Error {
	words, err := c.words()
	if err != nil {
		return err
	}
	if c.Name != "%" || len(words) > 0 {
		c.r.args = words
	}
	return nil
}

// goFlagsCommand is %goflags.
func goFlagsCommand(_ context.Context, s *Session, c *call) *engine.Error {
	words, err := c.words()
	if err != nil {
		return err
	}
	t := s.settings
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(words) > 0 {
		t.flags = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	}
	c.print("%%goflags=%q\n", t.flags)
	return nil
}

// autoGetCommand makes %autoget and %noautoget.
func autoGetCommand(off bool) func(context.Context, *Session, *call) *engine.Error {
	return func(_ context.Context, s *Session, c *call) *engine.Error {
		if c.Args != "" {
			return c.usage("it takes no arguments")
		}
		s.settings.mu.Lock()
		defer s.settings.mu.Unlock()
		s.settings.noAutoGet = off
		return nil
	}
}
