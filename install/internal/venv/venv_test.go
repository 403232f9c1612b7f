package venv

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fakePython is a python3 that makes environments of a Python that is itself, and counts how often pip runs.
func fakePython(t *testing.T) (calls string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "工具 x")
	calls = filepath.Join(dir, "calls")
	script := `#!/bin/sh
case "$1 $2 $3" in
"-c import sys"*) echo 3.11.2;;
"-c import venv"*) ;;
"-m venv --clear") rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python";;
"-m pip install") echo pip >>'` + calls + `'; echo "Collecting tornado==6.6.1 (from -r x)"
	[ ! -e '` + calls + `.fail' ];;
*) echo "unexpected: $*" >&2; exit 1;;
esac
`
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("GOLAB_HOME", filepath.Join(t.TempDir(), "家 的 home"))
	return calls
}

func TestEnsure(t *testing.T) {
	calls := fakePython(t)
	pipRuns := func() int {
		b, _ := os.ReadFile(calls)
		return strings.Count(string(b), "pip\n")
	}
	notes := ""
	say := func(s string) { notes += s + "\n" }

	// pip fails: no environment, and the next call makes it.
	if err := os.WriteFile(calls+".fail", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), say); err == nil || !strings.Contains(err.Error(), "\nhint: pip downloads") || Ready(t.Context()) {
		t.Errorf("failing pip: %v, ready %v", err, Ready(t.Context()))
	}
	if err := os.Remove(calls + ".fail"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if made, err := Ensure(t.Context(), say); err != nil || made != want {
			t.Errorf("call %d: made %v, %v", i, made, err)
		}
	}
	if n := pipRuns(); n != 2 {
		t.Errorf("pip ran %d times, want 2", n)
	}
	if !strings.Contains(notes, "package 1 of about ") || !strings.Contains(notes, ": tornado\n") {
		t.Errorf("notes:\n%s", notes)
	}
	for name, text := range settings {
		if b, err := os.ReadFile(filepath.Join(Dir(), name)); err != nil || string(b) != text {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A damaged setting is repaired without pip.
	damaged := filepath.Join(Dir(), "etc/jupyter/jupyter_lab_config.json")
	if err := os.WriteFile(damaged, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if made, err := Ensure(t.Context(), say); err != nil || made || !Ready(t.Context()) {
		t.Errorf("damaged setting: made %v, %v", made, err)
	}
	// New pins make it anew.
	old := requirements
	t.Cleanup(func() { requirements = old })
	requirements += "# changed\n"
	if Ready(t.Context()) {
		t.Error("ready in spite of other pins")
	}
	if made, err := Ensure(t.Context(), say); err != nil || !made {
		t.Errorf("new pins: made %v, %v", made, err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	calls := fakePython(t)
	var (
		wg   sync.WaitGroup
		made atomic.Int32
	)
	for range 4 {
		wg.Go(func() {
			m, err := Ensure(t.Context(), func(string) {})
			if err != nil {
				t.Error(err)
			}
			if m {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if b, _ := os.ReadFile(calls); string(b) != "pip\n" || made.Load() != 1 {
		t.Errorf("%d made it, pip ran: %q", made.Load(), b)
	}
}

func TestPins(t *testing.T) {
	if v := LabVersion(); !strings.HasPrefix(v, "4.") {
		t.Errorf("JupyterLab %q", v)
	}
	for line := range strings.Lines(requirements) {
		if strings.Contains(line, "://") {
			t.Errorf("an address in requirements.txt: %s", line)
		}
	}
}
