package kernelspec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestWriteHonoursJupyterDataDir(t *testing.T) {
	want := filepath.Join(t.TempDir(), "我的 Jupyter")
	t.Setenv("JUPYTER_DATA_DIR", want)
	t.Setenv("GOLAB_HOME", "/some where/家")
	t.Setenv("GOLAB_CACHE", "")
	dir, err := UserDataDir()
	if err != nil || dir != want {
		t.Fatalf("UserDataDir() = %q, %v; want %q", dir, err, want)
	}
	spec := For("/some where/家/bin/golab-kernel")
	for i, wantChanged := range []bool{true, false} {
		changed, err := Write(dir, spec)
		if err != nil || changed != wantChanged {
			t.Errorf("write %d: changed %v, %v", i, changed, err)
		}
	}

	b, err := os.ReadFile(filepath.Join(want, "kernels", "golab", "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"display_name": "Go (GoLab)", "language": "go", "interrupt_mode": "message"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %q", key, got[key], want)
		}
	}
	if meta, _ := got["metadata"].(map[string]any); meta["debugger"] != true {
		t.Errorf("metadata is %v: JupyterLab offers no debugger", got["metadata"])
	}
	if env, _ := got["env"].(map[string]any); len(env) != 1 || env["GOLAB_HOME"] != "/some where/家" {
		t.Errorf("env is %v, want GOLAB_HOME alone", got["env"])
	}
	if s, err := Read(dir); err != nil || !slices.Equal(s.Argv, []string{"/some where/家/bin/golab-kernel", "serve", "{connection_file}"}) {
		t.Errorf("argv is %q, %v", s.Argv, err)
	}
	// Nothing half-written, and the logos are there.
	entries, _ := os.ReadDir(Dir(dir))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func TestWriteReplacesAnOldOne(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(Dir(dir), "kernel.json"), []byte(`{"argv": ["/old"`), 0o644); err != nil {
		t.Fatal(err)
	}
	if changed, err := Write(dir, For("/new")); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if s, err := Read(dir); err != nil || s.Argv[0] != "/new" {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestUserDataDirDefault(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the expected path is Linux's")
	}
	t.Setenv("JUPYTER_DATA_DIR", "")
	t.Setenv("HOME", "/home/王 x")
	t.Setenv("XDG_DATA_HOME", "")
	if got, _ := UserDataDir(); got != "/home/王 x/.local/share/jupyter" {
		t.Errorf("got %q", got)
	}
	t.Setenv("XDG_DATA_HOME", "/data")
	if got, _ := UserDataDir(); got != "/data/jupyter" {
		t.Errorf("with XDG_DATA_HOME: %q", got)
	}
}
