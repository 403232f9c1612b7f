// Package gopls asks Go's language server about a package that lies in memory only: a session's declarations and the cell
// that is being typed. It speaks the Language Server Protocol
// (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/).
package gopls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"unicode/utf16"

	"github.com/sourcegraph/jsonrpc2"
)

// Options of a server.
type Options struct {
	// Program is the path of gopls.
	Program string
	// Dir is a module: the folder of a go.mod, where the files given to [Server.Update] seem to lie.
	Dir string
	// Env is what gopls, and the go command that it runs, get besides the settings of this package.
	Env []string
	// Cache is where gopls keeps what it knows of packages, also for others.
	Cache string
	// Log takes lines for the person who runs the kernel.
	Log func(format string, args ...any)
}

// memoryGoal is what gopls's garbage collector tries to stay below. What is really needed is more with some packages;
// then it collects all the time, up to half of one processor.
const memoryGoal = "GOMEMLIMIT=400MiB"

// settings are gopls's own (https://go.dev/gopls/settings). Nobody sees diagnostics, so that none are computed; what is not
// imported is found by the session, without reading the whole module cache; snippets mean nothing to Jupyter.
var settings = map[string]any{
	"matcher":                        "CaseInsensitive",
	"completeUnimported":             false,
	"completeFunctionCalls":          false,
	"experimentalPostfixCompletions": false,
	"completionBudget":               "100ms",
	"importsSource":                  "off",
	"diagnosticsTrigger":             "Save",
	"staticcheck":                    false,
	"semanticTokens":                 false,
	"vulncheck":                      "Off",
	"codelenses":                     map[string]bool{"generate": false, "regenerate_cgo": false, "run_govulncheck": false, "tidy": false, "upgrade_dependency": false, "vendor": false},
}

// Server is a running gopls. Its methods may be called from any goroutine.
type Server struct {
	opts  Options
	cmd   *exec.Cmd
	conn  *jsonrpc2.Conn
	ready chan struct{} // closed when it takes requests, or failed
	gone  chan struct{} // closed when the process has ended
	end   context.CancelFunc

	mu    sync.Mutex // keeps an update and the request that needs it together
	files map[string]*document
	n     uint64
}

type document struct {
	text    string
	version int
}

// Start starts gopls. It returns at once; the server gets ready in the background.
func Start(opts Options) (*Server, error) {
	// gopls wants to know the folder as it is written in the end.
	dir, err := filepath.EvalSymlinks(opts.Dir)
	if err != nil {
		return nil, err
	}
	opts.Dir = dir
	cmd := exec.Command(opts.Program, "serve")
	cmd.Dir = opts.Dir
	cmd.Env = append(os.Environ(), opts.Env...)
	cmd.Env = append(cmd.Env, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOPACKAGESDRIVER=off",
		"GOGC=50", memoryGoal, "GOPLSCACHE="+opts.Cache)
	cmd.SysProcAttr = childAttr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	last := &lastBytes{}
	cmd.Stderr = last
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{opts: opts, cmd: cmd, ready: make(chan struct{}), gone: make(chan struct{}), end: cancel, files: map[string]*document{}}
	s.conn = jsonrpc2.NewConn(ctx, jsonrpc2.NewBufferedStream(pipes{out, in}, jsonrpc2.VSCodeObjectCodec{}),
		jsonrpc2.HandlerWithError(answer).SuppressErrClosed(), jsonrpc2.SetLogger(quiet{}))
	go func() {
		<-s.conn.DisconnectNotify() // all of its output has been read
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		cancel()
		if s := last.String(); s != "" {
			opts.Log("gopls: %s", s)
		}
		close(s.gone)
	}()
	go s.initialize(ctx)
	return s, nil
}

// pipes are the two of a process.
type pipes struct {
	io.Reader
	io.WriteCloser
}

func (p pipes) Close() error { return p.WriteCloser.Close() }

type quiet struct{}

func (quiet) Printf(string, ...interface{}) {}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	mu sync.Mutex
	b  []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	l.b = l.b[max(len(l.b)-4096, 0):]
	return len(p), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.b))
}

// answer answers what gopls asks of its client.
func answer(_ context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) (any, error) {
	switch {
	case req.Notif:
		return nil, nil
	case req.Method == "workspace/configuration":
		return []any{settings}, nil
	case req.Method == "client/registerCapability", req.Method == "client/unregisterCapability",
		req.Method == "window/workDoneProgress/create", req.Method == "window/showMessageRequest":
		return nil, nil
	}
	return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: req.Method + " is not known here"}
}

func (s *Server) initialize(ctx context.Context) {
	defer close(s.ready)
	root := s.uri("")
	err := s.conn.Call(ctx, "initialize", map[string]any{
		"processId":             os.Getpid(),
		"rootUri":               root,
		"workspaceFolders":      []any{map[string]any{"uri": root, "name": "session"}},
		"initializationOptions": settings,
		"capabilities": map[string]any{
			"textDocument": map[string]any{
				"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": false}},
			},
		},
	}, nil)
	if err == nil {
		err = s.conn.Notify(ctx, "initialized", struct{}{})
	}
	if err != nil {
		s.opts.Log("gopls does not answer: %v", err)
		s.conn.Close()
	}
}

// uri is a file of the package as the protocol names it.
func (s *Server) uri(name string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(s.opts.Dir, name))}).String()
}

// Gone is closed when the server has ended.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// Pid is the identifier of the server's process.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Close ends the server and all that it started.
func (s *Server) Close() {
	s.conn.Close()
	<-s.gone
}

// Item is one thing that could stand at the cursor.
type Item struct {
	Text string // what is inserted
	Kind string // as in cell.Match
}

// Complete lists what could stand at a byte offset of a file when the package consists of files, the best first: what
// fits the type that is expected there. It waits until the server is ready, or for the end of ctx.
func (s *Server) Complete(ctx context.Context, files map[string]string, name string, offset int) ([]Item, error) {
	var list struct {
		Items []struct {
			Label    string
			Kind     int
			TextEdit *struct{ NewText string }
			// Edits elsewhere, such as an import that is added, are not for a cell.
			AdditionalTextEdits []any
		}
	}
	if err := s.ask(ctx, "textDocument/completion", files, name, offset, &list); err != nil {
		return nil, err
	}
	var items []Item
	for _, i := range list.Items {
		if i.TextEdit == nil || len(i.AdditionalTextEdits) > 0 {
			continue
		}
		text := i.TextEdit.NewText
		if strings.HasPrefix(text, i.Label) { // of a field in a literal, the text is `Name: `
			text = i.Label
		}
		items = append(items, Item{text, kinds[i.Kind]})
	}
	return items, nil
}

// kinds are the protocol's CompletionItemKinds that gopls uses.
var kinds = map[int]string{
	2: "method", 3: "function", 5: "property", 6: "variable", 7: "type", 8: "type", 9: "module", 13: "type", 14: "keyword", 21: "constant", 22: "type", 25: "type",
}

// errEnded is what requests get from a server that has ended.
var errEnded = errors.New("gopls has ended")

// ask makes the package consist of files, asks about one place of it, and waits for the answer until ctx is done.
func (s *Server) ask(ctx context.Context, method string, files map[string]string, name string, offset int, result any) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	call, id, err := s.dispatch(ctx, method, files, name, offset)
	if err != nil {
		return err
	}
	err = call.Wait(ctx, result)
	if ctx.Err() != nil {
		s.conn.Notify(context.Background(), "$/cancelRequest", map[string]any{"id": id})
	}
	if errors.Is(err, jsonrpc2.ErrClosed) {
		return errEnded
	}
	return err
}

func (s *Server) dispatch(ctx context.Context, method string, files map[string]string, name string, offset int) (jsonrpc2.Waiter, jsonrpc2.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.update(files); err != nil {
		return jsonrpc2.Waiter{}, jsonrpc2.ID{}, err
	}
	doc := s.files[name]
	if doc == nil {
		return jsonrpc2.Waiter{}, jsonrpc2.ID{}, fmt.Errorf("there is no file %s", name)
	}
	s.n++
	id := jsonrpc2.ID{Num: s.n + 1<<40} // not one that the connection gives to other requests
	call, err := s.conn.DispatchCall(ctx, method, map[string]any{
		"textDocument": map[string]any{"uri": s.uri(name)},
		"position":     positionOf(doc.text, offset),
	}, jsonrpc2.PickID(id))
	return call, id, err
}

// update tells the server which files there are now.
func (s *Server) update(files map[string]string) error {
	ctx := context.Background()
	for name := range s.files {
		if _, ok := files[name]; !ok {
			delete(s.files, name)
			if err := s.conn.Notify(ctx, "textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": s.uri(name)}}); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		doc := s.files[name]
		var err error
		switch {
		case doc == nil:
			doc = &document{text: text, version: 1}
			s.files[name] = doc
			err = s.conn.Notify(ctx, "textDocument/didOpen", map[string]any{"textDocument": map[string]any{
				"uri": s.uri(name), "languageId": "go", "version": 1, "text": text}})
		case doc.text != text:
			doc.text, doc.version = text, doc.version+1
			err = s.conn.Notify(ctx, "textDocument/didChange", map[string]any{
				"textDocument":   map[string]any{"uri": s.uri(name), "version": doc.version},
				"contentChanges": []any{map[string]any{"text": text}}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// positionOf is a byte offset as the protocol counts: lines from 0, and the UTF-16 code units before it in its line.
func positionOf(text string, offset int) map[string]int {
	before := text[:min(max(offset, 0), len(text))]
	line := strings.Count(before, "\n")
	units := 0
	for _, r := range before[strings.LastIndexByte(before, '\n')+1:] {
		units += max(utf16.RuneLen(r), 1)
	}
	return map[string]int{"line": line, "character": units}
}
