package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	CgoFiles   []string
	Imports    []string
}

// list returns the packages that the arguments of `go list` select.
func list(t *testing.T, args ...string) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,CgoFiles,Imports"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // else files with cgo are not listed
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// forbid fails the test for each package that is or lies below one of the paths.
func forbid(t *testing.T, what string, pkgs []listed, paths ...string) {
	t.Helper()
	for _, p := range pkgs {
		if slices.ContainsFunc(paths, func(path string) bool { return p.ImportPath == path || strings.HasPrefix(p.ImportPath, path+"/") }) {
			t.Errorf("%s depends on %s", what, p.ImportPath)
		}
	}
}

// TestFrontIsPureGo: the process that answers Jupyter shares no memory with C and holds no machine learning.
func TestFrontIsPureGo(t *testing.T) {
	pkgs := list(t, "-deps", "golab/kernel")
	for _, p := range pkgs {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("the front depends on %s, which uses cgo", p.ImportPath)
		}
	}
	forbid(t, "the front", pkgs, "github.com/gomlx", "github.com/go-gota", "github.com/dop251/goja", "gonum.org",
		"golab/mlx", "golab/viz", "golab/datasets", "golab/kernel/live", "golab/kernel/internal/worker")
	build := exec.Command("go", "build", "-o", filepath.Join(t.TempDir(), "kernel"), "golab/kernel")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the standard library's cgo has pure Go counterparts
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("without cgo: %v\n%s", err, out)
	}
}

// TestLayers keeps what docs/architecture.md says of the packages that notebooks use.
func TestLayers(t *testing.T) {
	for _, name := range []string{"mlx", "viz", "datasets"} {
		forbid(t, name, list(t, "-deps", "golab/"+name+"/..."), "golab/kernel/internal", "golab/install")
	}
	forbid(t, "datasets", list(t, "-deps", "golab/datasets/..."), "github.com/gomlx", "golab/mlx")
	for _, p := range list(t, "golab/mlx/...") {
		for _, path := range p.Imports {
			if slices.Contains(strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '.' || r == '-' }), "html") {
				t.Errorf("%s imports %s: what shows values is viz's", p.ImportPath, path)
			}
		}
	}
}
