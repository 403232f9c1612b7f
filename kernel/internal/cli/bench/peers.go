package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golab/kernel/home"
	"golab/kernel/internal/build"
)

// Versions of what GoNB is made of.
const (
	gonbVersion      = "v0.11.5"
	goimportsVersion = "v0.44.0"
	goplsVersion     = "v0.21.1"
)

// peer is one kernel under measurement.
type peer struct {
	name  string
	argv  []string // the connection file is added
	env   []string
	first string   // the smallest cell
	setup []string // cells run before the plain ones, which use no more than they have to
	ml    []string // cells run before those that use libraries
	// shares is set where a peer is another way to run cells in the kernel of the peer before it, not a kernel of its own.
	shares bool
	// cells are measured; the number makes each one new, so that nothing is answered from a cache. A missing one says that
	// the peer has nothing like it.
	cells map[string]func(n int) string
	loop  string // prints "go" and never ends; empty if the peer's values do not outlive an interrupt
	half  string // a name typed in part, which the peer completes; empty if it is not asked
	tcp   bool   // it can't be reached through Unix sockets
}

// What is measured of each peer, by the names that the table shows.
const (
	trivial   = "trivial cell"
	show      = "show a value"
	smallLoop = "small loop"
	flood     = "print 10 MB"
	tensor    = "GoMLX: make a tensor"
	graph     = "GoMLX: compute a graph"
	dataframe = "make a dataframe"
)

var (
	plainKinds = []string{trivial, show, smallLoop, flood}
	mlKinds    = []string{tensor, graph, dataframe}
)

const goImports = `import (
	"fmt"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)
`

// goCells are cells in Go, the same text for GoLab and for GoNB but for prefix, which begins what is run in GoNB.
func goCells(prefix string) map[string]func(int) string {
	cell := func(format string) func(int) string {
		return func(n int) string { return prefix + strings.ReplaceAll(format, "$", fmt.Sprint(n)) }
	}
	return map[string]func(int) string{
		trivial:   cell("x = x + $; fmt.Println(x)"),
		smallLoop: cell("for i := range 3 { x += i * $ }; fmt.Println(x)"),
		flood:     cell("for range 100_000 { fmt.Printf(\"%99d\\n\", $) }"),
		tensor:    cell("t := tensors.FromValue([][]float32{{1, 2, $}, {4, 5, 6}})\nfmt.Println(t.Shape())"),
		graph: cell("y, err := graph.ExecOnce(backend, func(a *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.MulScalar(a, $)) }, " +
			"[][]float32{{1, 2, 3}, {4, 5, 6}})\nfmt.Println(y, err)"),
		dataframe: cell("df := dataframe.New(series.New([]int{1, 2, $}, series.Int, \"a\"), series.New([]string{\"x\", \"y\", \"z\"}, series.String, \"b\"))\n" +
			"fmt.Println(df.Nrow())"),
	}
}

// golab is this program.
func golab() (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &peer{
		name:  "GoLab",
		argv:  []string{self, "serve"},
		first: "fmt.Println(1)",
		setup: []string{"x := 0"},
		ml:    []string{goImports, "backend, err := gobackend.New(\"\")\nerr"},
		cells: goCells(""),
		loop:  "fmt.Println(\"go\")\nfor {\n}",
		half:  "strings.ToUp",
	}
	p.cells[show] = func(int) string { return "x" }
	return p, nil
}

// gonb returns GoNB as it comes, and the same told not to look for modules at every cell.
func gonb(ctx context.Context) ([]*peer, error) {
	dir := filepath.Join(home.Cache(), "bench", fmt.Sprintf("gonb-%s-%s", gonbVersion, runtime.Version()))
	if err := installGonb(ctx, dir); err != nil {
		return nil, err
	}
	root, err := build.Root()
	if err != nil {
		return nil, err
	}
	p := peer{
		name:  "GoNB",
		argv:  []string{filepath.Join(dir, "gonb"), "--kernel"},
		env:   []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off"},
		first: "%%\nfmt.Println(1)",
		setup: []string{"var x = 0"},
		ml: []string{
			// The session's module takes the versions of GoLab's, all of which are in the module cache.
			fmt.Sprintf("!*cp '%[1]s/go.mod' '%[1]s/go.sum' . && go mod edit -module=gonb_bench", root),
			goImports + "\nvar backend, backendErr = gobackend.New(\"\")",
		},
		loop: "%%\nfmt.Println(\"go\")\nfor {\n}",
		half: "%%\nstrings.ToUp",
	}
	with := func(prefix string) map[string]func(int) string {
		cells := goCells(prefix)
		cells[show] = func(n int) string { return fmt.Sprintf("%sfmt.Println(x) // %d", prefix, n) }
		return cells
	}
	p.cells = with("%autoget\n%%\n")
	// A kernel of its own would have a gopls of its own, whose work slows all others.
	tuned := peer{name: "GoNB `%noautoget`", cells: with("%noautoget\n%%\n"), shares: true}
	return []*peer{&p, &tuned}, nil
}

// installGonb builds GoNB and the tools that it runs in dir, unless they are there.
func installGonb(ctx context.Context, dir string) error {
	run := func(dir string, env []string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "GOWORK=off", "GOFLAGS="), env...)
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
		}
		return out, err
	}
	missing := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err != nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, pkg := range map[string]string{
		"goimports": "golang.org/x/tools/cmd/goimports@" + goimportsVersion,
		"gopls":     "golang.org/x/tools/gopls@" + goplsVersion,
	} {
		if missing(name) {
			if _, err := run(dir, []string{"GOBIN=" + dir}, "install", pkg); err != nil {
				return err
			}
		}
	}
	if !missing("gonb") {
		return nil
	}
	// Not `go install`, which asks for the list of all versions: some proxies refuse it.
	out, err := run(dir, nil, "mod", "download", "-json", "github.com/janpfeifer/gonb@"+gonbVersion)
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return err
	}
	_, err = run(module.Dir, nil, "build", "-o", filepath.Join(dir, "gonb"), ".")
	return err
}

// ipykernel is the Python kernel of GoLab's own Python environment.
func ipykernel(ctx context.Context) (*peer, error) {
	python := filepath.Join(home.Dir(), "venv", "bin", "python")
	out, err := exec.CommandContext(ctx, python, "-c", "import ipykernel, sys; print(ipykernel.__version__, 'on Python', sys.version.split()[0])").Output()
	if err != nil {
		return nil, fmt.Errorf("no ipykernel at %s, which `go run ./install lab` sets up: %w", python, err)
	}
	return &peer{
		name:  "ipykernel " + strings.TrimSpace(string(out)),
		argv:  []string{python, "-m", "ipykernel_launcher", "-f"},
		first: "print(1)",
		setup: []string{"x = 0"},
		cells: map[string]func(int) string{
			trivial:   func(n int) string { return fmt.Sprintf("x += %d; print(x)", n) },
			show:      func(int) string { return "x" },
			smallLoop: func(n int) string { return fmt.Sprintf("for i in range(3): x += i * %d\nprint(x)", n) },
			flood:     func(n int) string { return fmt.Sprintf("for _ in range(100_000): print('%%99d' %% %d)", n) },
		},
		loop: "print('go', flush=True)\nwhile True: pass",
		half: "str.upp",
	}, nil
}

// evcxr is the Rust kernel, where somebody has installed it.
func evcxr() (*peer, error) {
	path, err := exec.LookPath("evcxr_jupyter")
	if err != nil {
		dir, _ := os.UserHomeDir()
		path = filepath.Join(dir, ".cargo", "bin", "evcxr_jupyter")
		if _, err := os.Stat(path); err != nil {
			return nil, errors.New("it is not installed (`cargo install evcxr_jupyter --locked` does that)")
		}
	}
	return &peer{
		name:  "evcxr",
		argv:  []string{path, "--control_file"},
		first: `println!("{}", 1);`,
		setup: []string{"let mut x: i64 = 0;"},
		cells: map[string]func(int) string{
			trivial:   func(n int) string { return fmt.Sprintf(`x = x + %d; println!("{}", x);`, n) },
			show:      func(n int) string { return fmt.Sprintf("// %d\nx", n) },
			smallLoop: func(n int) string { return fmt.Sprintf(`for i in 0..3 { x = x + i * %d; } println!("{}", x);`, n) },
		},
		tcp: true,
	}, nil
}
