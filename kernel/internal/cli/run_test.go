package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/jupyter/jupytertest"
)

const cells = `{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "a",
   "metadata": {},
   "outputs": [],
   "source": [
    "FIRST"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "b",
   "metadata": {},
   "outputs": [],
   "source": [
    "print end\n",
    "show image/png aGk=\n",
    "value 42"
   ]
  }
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
`

// run runs the command on a notebook whose first cell is first, in a folder of its own.
func run(t *testing.T, first string, args ...string) (status int, stdout, stderr, dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("n.ipynb", []byte(strings.Replace(cells, "FIRST", first, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	status = Run(t.Context(), args, &out, &errs, func(in string) (engine.Engine, error) {
		if want, _ := filepath.EvalSymlinks(dir); in != filepath.Join(dir, "n.ipynb") && in != filepath.Join(want, "n.ipynb") {
			t.Errorf("the session is for %s, want n.ipynb in %s", in, dir)
		}
		return &jupytertest.Engine{}, nil
	})
	return status, out.String(), errs.String(), dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRunPrints(t *testing.T) {
	status, stdout, stderr, dir := run(t, "print hello", "n.ipynb")
	if want := "hello\nend\n[image/png]\n42\n"; status != 0 || stdout != want || stderr != "" {
		t.Errorf("status %d, stdout %q (want %q), stderr %q", status, stdout, want, stderr)
	}
	if read(t, filepath.Join(dir, "n.ipynb")) != strings.Replace(cells, "FIRST", "print hello", 1) {
		t.Error("the notebook was changed")
	}
}

func TestRunWritesInPlace(t *testing.T) {
	status, stdout, stderr, _ := run(t, "print hello", "--inplace", "n.ipynb")
	got := read(t, "n.ipynb")
	if status != 0 || stdout != "" || !strings.Contains(stderr, "cell 2 of 2") || !strings.Contains(got, `"hello\n"`) ||
		!strings.Contains(got, `"codemirror_mode": "go"`) {
		t.Errorf("status %d, stdout %q, stderr %q, notebook %s", status, stdout, stderr, got)
	}
}

func TestRunWritesOut(t *testing.T) {
	status, _, stderr, _ := run(t, "fail boom", "n.ipynb", "-o", "out.ipynb")
	if status != 1 || !strings.Contains(stderr, "n.ipynb: cell In [1] (fail boom) failed: failed: boom\n\x1b[31mfailed") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	if got := read(t, "out.ipynb"); !strings.Contains(got, `"evalue": "boom"`) || strings.Contains(got, `"end\n"`) {
		t.Errorf("notebook %s", got)
	}
}

func TestRunInPlaceLeavesAFailingNotebookAlone(t *testing.T) {
	status, _, _, _ := run(t, "fail boom", "n.ipynb", "--inplace")
	if status != 1 || strings.Contains(read(t, "n.ipynb"), "boom\",") {
		t.Errorf("status %d", status)
	}
	status, _, _, _ = run(t, "fail boom", "n.ipynb", "--inplace", "--allow-errors")
	if got := read(t, "n.ipynb"); status != 0 || !strings.Contains(got, `"evalue": "boom"`) || !strings.Contains(got, `"end\n"`) {
		t.Errorf("status %d, notebook %s", status, got)
	}
}

func TestRunUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                             "no notebook given",
		"a.ipynb b.ipynb":              "one notebook at a time",
		"a.ipynb -o b.ipynb --inplace": "exclude each other",
		"a.ipynb --colour":             "-colour",
	} {
		if status, _, stderr, _ := run(t, "", strings.Fields(args)...); status != 2 || !strings.Contains(stderr, want) || !strings.Contains(stderr, "usage:") {
			t.Errorf("%q: status %d, stderr %q", args, status, stderr)
		}
	}
	if status, stdout, _, _ := run(t, "", "-h"); status != 0 || !strings.Contains(stdout, "usage:") {
		t.Errorf("-h: status %d, stdout %q", status, stdout)
	}
	if status, _, stderr, _ := run(t, "", "none.ipynb"); status != 1 || !strings.Contains(stderr, "none.ipynb") {
		t.Errorf("missing notebook: status %d, stderr %q", status, stderr)
	}
}

func TestRunWithoutASession(t *testing.T) {
	run(t, "") // for the notebook
	var stderr bytes.Buffer
	status := Run(context.Background(), []string{"n.ipynb"}, &stderr, &stderr, func(string) (engine.Engine, error) {
		return nil, errors.New("no Go here")
	})
	if status != 1 || !strings.Contains(stderr.String(), "cannot start a session: no Go here") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}
