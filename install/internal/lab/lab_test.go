package lab

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golab/install/internal/venv"
)

// fakeJupyter puts a Jupyter into an empty GoLab home; script is what its JupyterLab does, with the runtime folder in $R.
func fakeJupyter(t *testing.T, script string) {
	t.Helper()
	t.Setenv("GOLAB_HOME", filepath.Join(t.TempDir(), "家 x"))
	r := filepath.Join(t.TempDir(), "run time")
	for _, dir := range []string{r, filepath.Dir(venv.Python())} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := "#!/bin/sh\nR='" + r + "'\ncase $2 in\njupyter) echo \"$R\";;\njupyterlab) " + script + ";;\nesac\n"
	if err := os.WriteFile(venv.Python(), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// serve is a JupyterLab that first writes half of what it has to say, and stops when it is told to.
const serve = `trap 'echo asked to stop; exit 1' TERM
	echo '{"url": "http://local' >"$R/jpserver-$$.json"
	echo '{"url": "http://localhost:8889/", "token": "abc"}' >"$R/jpserver-$$.json"
	while :; do sleep 0.05; done`

func TestStartAndStop(t *testing.T) {
	fakeJupyter(t, serve)
	var log strings.Builder
	s, err := Start(t.Context(), Options{Root: t.TempDir(), Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	if s.URL != "http://localhost:8889/lab?token=abc" {
		t.Errorf("URL %q", s.URL)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if log.String() != "asked to stop\n" {
		t.Errorf("log %q", log.String())
	}
}

func TestContextStopsIt(t *testing.T) {
	fakeJupyter(t, serve)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Wait(); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestDoesNotStart(t *testing.T) {
	fakeJupyter(t, "exit 3")
	if _, err := Start(t.Context(), Options{Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "JupyterLab did not start: exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestArguments(t *testing.T) {
	got := arguments(Options{Root: "/笔记 x", Port: 9000})
	for _, want := range []string{"--ServerApp.root_dir=/笔记 x", "--ServerApp.port=9000", "--no-browser"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if slices.Contains(arguments(Options{Browser: true}), "--no-browser") {
		t.Error("--no-browser though a browser is wanted")
	}
}
