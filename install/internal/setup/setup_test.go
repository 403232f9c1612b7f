package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golab/install/internal/progress"
)

func TestFindRoot(t *testing.T) {
	root, err := FindRoot(mustGetwd(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "install", "main.go")); err != nil {
		t.Error(err)
	}
	if _, err := FindRoot(t.TempDir()); err == nil || !strings.Contains(err.Error(), "\nhint: cd ") {
		t.Errorf("outside: %v", err)
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return wd
}

func TestGoAtLeast(t *testing.T) {
	for v, want := range map[string]bool{
		"go1.26": true, "go1.26.8": true, "go1.27rc1": true, "go2.0": true, "devel go1.28-abc": true,
		"go1.25.9": false, "go1.9": false, "": false,
	} {
		if got := goAtLeast(v, 1, 26); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}

// fakeTool puts a program called name on a PATH that holds nothing else but the programs made by earlier calls.
func fakeTool(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestToolsNamesAllThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	fakeTool(t, dir, "go", `case "$2" in GOVERSION) echo go1.25.3;; *) printf '1\ngcc\n';; esac`)
	err := Tools(t.Context(), progress.Discard(), true)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"this is go1.25.3", "hint: install Go 1.26", "C compiler gcc does not run", "hint: install a C compiler", "python3 is not installed", "hint: install Python 3.10"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestToolsPythonWithoutVenv(t *testing.T) {
	dir := t.TempDir()
	fakeTool(t, dir, "go", `case "$2" in GOVERSION) echo go1.26.8;; *) printf '1\ngcc\n';; esac`)
	fakeTool(t, dir, "gcc", "echo gcc 12")
	fakeTool(t, dir, "python3", `case "$2" in *version_info*) echo 3.11.2;; *ensurepip*) exit 1;; esac`)
	err := Tools(t.Context(), progress.Discard(), true)
	if err == nil || !strings.Contains(err.Error(), "lacks the venv module\nhint: install it (Debian: apt-get install python3-venv)") {
		t.Errorf("got %v", err)
	}
	fakeTool(t, dir, "python3", `case "$2" in *version_info*) echo 3.9.2;; esac`)
	err = Tools(t.Context(), progress.Discard(), true)
	if err == nil || !strings.Contains(err.Error(), "is Python 3.9.2") {
		t.Errorf("got %v", err)
	}
}

func TestBuildReplacesTheProgramOnlyWhenItChanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "家 的")
	t.Setenv("GOLAB_HOME", dir)
	if err := os.MkdirAll(filepath.Join(dir, ".stage"), 0o755); err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	source := filepath.Join(tools, "source")
	write := func(text string) {
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	fakeTool(t, tools, "go", `cp "`+source+`" "$4"`)
	t.Setenv("PATH", tools+string(os.PathListSeparator)+path)
	for _, step := range []struct {
		source  string
		changed bool
	}{{"one", true}, {"one", false}, {"two, longer", true}} {
		write(step.source)
		changed, err := Build(t.Context(), tools, nil)
		if err != nil || changed != step.changed {
			t.Errorf("%q: changed %v, %v", step.source, changed, err)
		}
		if b, _ := os.ReadFile(Binary()); string(b) != step.source {
			t.Errorf("installed %q, want %q", b, step.source)
		}
	}
	entries, _ := os.ReadDir(filepath.Dir(Binary()))
	if len(entries) != 1 {
		t.Errorf("bin holds %v", entries)
	}
}

func TestGist(t *testing.T) {
	for _, test := range []struct{ err, want string }{
		{"no wheel for plan9", "no wheel for plan9"},
		{"fetch x: pip failed (exit status 1):\n    trying\n    ERROR: no such wheel\nhint: look\nat it", "ERROR: no such wheel"},
	} {
		if got := gist(errors.New(test.err)); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
