package session

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golab/kernel/home"
	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/gopls"
	"golab/kernel/internal/modules"
)

// language is the session's gopls. It is started when it is first asked, ends with the session, and is started again with
// other modules, or when it has ended or takes too much memory. Without one, the session's own knowledge has to do.
type language struct {
	program string        // the path of gopls
	dir     string        // of its go.mod
	within  time.Duration // how long a completion waits for it
	memory  int64         // what it may take, in bytes, before it is started anew
	log     func(format string, args ...any)

	mu     sync.Mutex // guards what follows
	server *gopls.Server
	mod    string // the go.mod that the server was started with
	// failures is how often it ended by itself, each time soon after its start.
	failures int
	started  time.Time
	closed   bool

	// What the server knows of the session's declarations, and of which state.
	version uint64
	space   *build.Space
	outline map[string]string
	// imports only grows: when a file imports something new, gopls runs the go command, which takes a third of a second.
	imports map[string]string
	loading *atomic.Int32 // requests for which gopls reads packages
}

const (
	// maxLanguageMemory is what gopls may take before it is started anew.
	maxLanguageMemory = 1 << 30
	// maxLanguageFailures is how often it may end by itself, within failuresWithin of its start, before it is given up.
	maxLanguageFailures = 3
	failuresWithin      = 10 * time.Minute
	// maxLoading is how many requests wait while gopls reads packages, and loadWithin for how long.
	maxLoading = 4
	loadWithin = time.Minute
	// cellFile is the file of the cell that is typed. What it declares comes before what the files of the session
	// ("session0.go") declare, as they are in alphabetical order.
	cellFile = "cell.go"
)

var (
	errNoLanguage = errors.New("there is no gopls")
	errBusy       = errors.New("gopls reads packages")
)

// usual are packages that cells often name, so that gopls need not read them when they do.
var usual = []string{"bytes", "context", "errors", "fmt", "io", "maps", "math", "os", "slices", "sort", "strconv", "strings", "sync", "time"}

// complete asks for what could stand at the cursor of sketch. It waits for the answer, and for gopls to get ready, until
// the end of ctx.
func (l *language) complete(ctx context.Context, sketch *cell.Sketch, state *cell.State, space *build.Space) ([]gopls.Item, error) {
	q, err := l.prepare(sketch, state, space)
	if err != nil {
		return nil, err
	}
	if !q.loads {
		return q.server.Complete(ctx, q.files, cellFile, q.cursor)
	}
	// gopls has to read packages first. It would begin again with the next request if this one was called off.
	var items []gopls.Item
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), loadWithin)
		defer cancel()
		found, err := q.server.Complete(ctx, q.files, cellFile, q.cursor)
		q.loading.Add(-1)
		if err == nil {
			items = found
		}
		done <- err
	}()
	select {
	case err := <-done:
		return items, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// question is one that gopls is asked.
type question struct {
	server *gopls.Server
	files  map[string]string
	cursor int
	loads  bool // gopls reads packages before it answers, or is reading some

	loading *atomic.Int32
}

// prepare starts the server if need be, and tells what it is to be asked.
func (l *language) prepare(sketch *cell.Sketch, state *cell.State, space *build.Space) (*question, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	server, err := l.running(space.Base())
	if err != nil {
		return nil, err
	}
	q := &question{server: server, files: map[string]string{}, loading: l.loading, loads: l.loading.Load() > 0}
	if l.outline == nil || l.version != state.Version() || l.space != space {
		l.outline, l.version, l.space, q.loads = state.Outline(space.Prompt()), state.Version(), space, true
	}
	for name, path := range sketch.Imports {
		if l.imports[name] != path {
			l.imports[name], q.loads = path, true
		}
	}
	if q.loads {
		if l.loading.Load() == maxLoading {
			return nil, errBusy
		}
		l.loading.Add(1)
	}
	maps.Copy(q.files, l.outline)
	q.files[cellFile], q.cursor = sketch.File(l.imports)
	return q, nil
}

// running is the server for the session's modules as they are now. l.mu is held.
func (l *language) running(base *build.Base) (*gopls.Server, error) {
	if l.closed || l.failures >= maxLanguageFailures {
		return nil, errNoLanguage
	}
	mod, sum, err := l.modules(base)
	if err != nil {
		return nil, err
	}
	if l.server != nil {
		select {
		case <-l.server.Gone():
			l.server = nil
			if time.Since(l.started) > failuresWithin {
				l.failures = 0
			}
			if l.failures++; l.failures == maxLanguageFailures {
				l.log("gopls ended %d times; completion goes on without it", l.failures)
				return nil, errNoLanguage
			}
		default:
			if l.mod == mod && residentSize(l.server.Pid()) <= l.memory {
				return l.server, nil
			}
			go l.server.Close()
			l.server = nil
		}
	}
	if _, err := os.Stat(l.program); err != nil {
		return nil, errNoLanguage
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "go.mod"), []byte(mod), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "go.sum"), sum, 0o600); err != nil {
		return nil, err
	}
	env := append(base.Env(), "PATH="+filepath.Dir(base.Go())+string(filepath.ListSeparator)+os.Getenv("PATH"))
	l.server, err = gopls.Start(gopls.Options{Program: l.program, Dir: l.dir, Env: env, Cache: filepath.Join(home.Cache(), "gopls"), Log: l.log})
	if err != nil {
		l.failures = maxLanguageFailures
		l.log("gopls can't be started: %v", err)
		return nil, err
	}
	l.started, l.loading = time.Now(), new(atomic.Int32)
	l.mod, l.outline, l.imports = mod, nil, map[string]string{}
	for _, path := range usual {
		l.imports[path] = path
	}
	return l.server, nil
}

// modules is the session's go.mod and go.sum, or what they would be if it had any. Local modules lie beside the first.
func (l *language) modules(base *build.Base) (mod string, sum []byte, err error) {
	session := filepath.Join(filepath.Dir(l.dir), "mod")
	if data, err := os.ReadFile(filepath.Join(session, "go.mod")); err == nil {
		sum, err := os.ReadFile(filepath.Join(session, "go.sum"))
		return strings.ReplaceAll(string(data), "=> ./", "=> ../mod/"), sum, err
	}
	return l.own(base)
}

// own is the go.mod of a session without modules of its own.
func (l *language) own(base *build.Base) (mod string, sum []byte, err error) {
	read := func() (string, []byte, error) {
		data, err := os.ReadFile(filepath.Join(l.dir, "own", "go.mod"))
		if err != nil {
			return "", nil, err
		}
		sum, err := os.ReadFile(filepath.Join(l.dir, "own", "go.sum"))
		return string(data), sum, err
	}
	if mod, sum, err = read(); err == nil {
		return mod, sum, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := modules.New(ctx, filepath.Join(l.dir, "own"), base.Root, base.Go(), base.Env()); err != nil {
		return "", nil, err
	}
	return read()
}

// close ends the server, for good.
func (l *language) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.server != nil {
		l.server.Close()
	}
}
