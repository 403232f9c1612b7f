package uninstall

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golab/install/internal/kernelspec"
	"golab/install/internal/setup"
)

func TestRun(t *testing.T) {
	base := t.TempDir()
	h, c, j := filepath.Join(base, "家 home"), filepath.Join(base, "cache"), filepath.Join(base, "jupyter")
	t.Setenv("GOLAB_HOME", h)
	t.Setenv("GOLAB_CACHE", c)
	t.Setenv("JUPYTER_DATA_DIR", j)
	for _, f := range []string{filepath.Join(h, "bin", "golab-kernel"), filepath.Join(h, "mine.txt"), filepath.Join(c, "cells", "x.so")} {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kernelspec.Write(j, kernelspec.For(setup.Binary())); err != nil {
		t.Fatal(err)
	}
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }

	var out strings.Builder
	if err := Run(&out, false); err != nil {
		t.Fatal(err)
	}
	if !there(setup.Binary()) || strings.Count(out.String(), "would remove") != 3 {
		t.Errorf("without --yes:\n%s", &out)
	}
	if err := Run(&out, true); err != nil {
		t.Fatal(err)
	}
	if there(filepath.Dir(setup.Binary())) || there(c) || there(kernelspec.Dir(j)) {
		t.Error("something of GoLab's is left")
	}
	if !there(filepath.Join(h, "mine.txt")) {
		t.Error("a file that is not GoLab's is gone")
	}
	out.Reset()
	if err := Run(&out, true); err != nil || out.String() != "Nothing of GoLab is installed.\n" {
		t.Errorf("again: %v\n%s", err, &out)
	}
}

func TestKernelOfAnotherGoLabStays(t *testing.T) {
	t.Setenv("GOLAB_HOME", t.TempDir())
	t.Setenv("GOLAB_CACHE", t.TempDir())
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	if _, err := kernelspec.Write(os.Getenv("JUPYTER_DATA_DIR"), kernelspec.For("/elsewhere/golab-kernel")); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Run(&out, true); err != nil {
		t.Fatal(err)
	}
	if _, err := kernelspec.Read(os.Getenv("JUPYTER_DATA_DIR")); err != nil {
		t.Error(err)
	}
}
