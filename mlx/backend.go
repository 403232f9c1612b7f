package mlx

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"golab/kernel/home"
	"golab/kernel/nb"
)

// BackendEnv is the environment variable that chooses the backend, with the names that [UseBackend] takes.
const BackendEnv = "GOLAB_BACKEND"

// device is where models compute.
type device struct {
	Backend compute.Backend
	name    string // as UseBackend takes it
}

var devices = struct {
	sync.Mutex
	current *device
	opened  map[string]*device // kept: values of earlier cells may live on any of them
}{opened: map[string]*device{}}

// UseBackend chooses where models compute from now on:
//
//	"go"       pure Go, works everywhere
//	"xla:cpu"  XLA on the CPU
//	"cuda"     XLA on an NVIDIA GPU
//	"auto"     the best of them that is installed and works
//
// Models move by themselves, with their weights, at their next use. On an error the backend stays what it was. For
// experts, "go:CONFIG" and "xla:/path/of/plugin.so" pass their configuration on to GoMLX.
func UseBackend(name string) error {
	devices.Lock()
	defer devices.Unlock()
	d, _, err := choose(name)
	if err != nil {
		return err
	}
	devices.current = d
	return nil
}

// BackendName is the name of the backend in use: "go", "xla:cpu" or "cuda". It chooses one when none is chosen yet, and
// is empty when that fails.
func BackendName() string {
	d, err := currentDevice()
	if err != nil {
		return ""
	}
	return d.name
}

// Backend is the GoMLX backend in use, for programs that call GoMLX themselves.
func Backend() (compute.Backend, error) {
	d, err := currentDevice()
	if err != nil {
		return nil, err
	}
	return d.Backend, nil
}

func currentDevice() (*device, error) {
	devices.Lock()
	defer devices.Unlock()
	if devices.current != nil {
		return devices.current, nil
	}
	d, failures, err := choose(os.Getenv(BackendEnv))
	if err != nil {
		return nil, fmt.Errorf("%w ($%s is %q)", err, BackendEnv, os.Getenv(BackendEnv))
	}
	devices.current = d
	line := "mlx computes on " + describe(d.name)
	if len(failures) > 0 {
		line += " (" + strings.Join(failures, "; ") + ")"
	}
	if nb.Live() {
		nb.Display(nb.Bundle{"text/plain": line})
	} else {
		fmt.Fprintln(os.Stderr, line)
	}
	return d, nil
}

func describe(name string) string {
	switch name {
	case "go":
		return "pure Go"
	case "xla:cpu":
		return "XLA CPU"
	case "cuda":
		return "CUDA"
	}
	return name
}

// choose opens a backend by name. failures says, of those that "auto" tried in vain, why.
func choose(name string) (d *device, failures []string, err error) {
	switch name {
	case "", "auto":
		for _, c := range []struct{ name, plugin string }{{"cuda", home.XLACUDA()}, {"xla:cpu", home.XLACPU()}} {
			if !haveXLA || !exists(c.plugin) || c.name == "cuda" && !exists("/dev/nvidiactl") && !exists("/dev/dxg") {
				continue
			}
			if d, err := open(c.name); err == nil {
				return d, failures, nil
			} else {
				failures = append(failures, fmt.Sprintf("%s did not start: %v", describe(c.name), reason(err)))
			}
		}
		d, err = open("go")
		return d, failures, err
	case "xla", "xla:cpu", "cpu":
		name = "xla:cpu"
	case "cuda", "gpu", "xla:cuda":
		name = "cuda"
	}
	d, err = open(name)
	return d, nil, err
}

// sequentialGo is pure Go working on one operation of a graph at a time. With several at once, compute v0.1.6 deadlocks on
// graphs with many independent convolutions: each waits for workers while it holds some. It is also faster for those.
func sequentialGo() (*device, error) {
	devices.Lock()
	defer devices.Unlock()
	return open("go:ops_sequential")
}

func open(name string) (*device, error) {
	if d := devices.opened[name]; d != nil {
		return d, nil
	}
	var b compute.Backend
	var err error
	kind, config, _ := strings.Cut(name, ":")
	switch {
	case kind == "go":
		b, err = gobackend.New(config)
	case name == "xla:cpu":
		b, err = openPlugin(home.XLACPU())
	case name == "cuda":
		b, err = openPlugin(home.XLACUDA())
	case kind == "xla" && strings.HasPrefix(config, "/"):
		b, err = openPlugin(config)
	default:
		return nil, fmt.Errorf("mlx: no backend %q; there are go, xla:cpu, cuda and auto", name)
	}
	if err != nil {
		return nil, fmt.Errorf("mlx: backend %s: %w", name, err)
	}
	d := &device{b, name}
	devices.opened[name] = d
	return d, nil
}

func openPlugin(path string) (b compute.Backend, err error) {
	if !haveXLA {
		return nil, errors.New("this program was built without XLA (CGO_ENABLED=0 or -tags noxla)")
	}
	file, _, _ := strings.Cut(path, ",")
	if !exists(file) {
		return nil, fmt.Errorf("the plugin %s is not there; `go run ./install` fetches it", file)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return openXLA(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// reason is what an error comes down to, in one line that is not too long.
func reason(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	s := strings.Join(strings.Fields(err.Error()), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
