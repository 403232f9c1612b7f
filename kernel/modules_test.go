package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeModuleNotebook writes dir/n.ipynb with one cell, the folder l with a local module, and the saved file that names it.
func writeModuleNotebook(t *testing.T, dir, code string) {
	t.Helper()
	writeNotebook(t, filepath.Join(dir, "n.ipynb"), []string{code})
	for name, text := range map[string]string{
		"n.golab.mod": "require example.org/l v0.0.0\n\nreplace example.org/l => ./l\n",
		"l/go.mod":    "module example.org/l\n\ngo 1.24\n",
		"l/l.go":      "package l\n\nfunc Hi() string { return \"from the saved module\" }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunRestoresModules runs a notebook with a saved module by the headless runner, from another folder.
func TestRunRestoresModules(t *testing.T) {
	dir := t.TempDir()
	writeModuleNotebook(t, dir, "fmt.Println(l.Hi())")
	cmd := exec.Command(binary, "run", filepath.Join(dir, "n.ipynb"))
	cmd.Dir = t.TempDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "golab: modules restored from n.golab.mod") || !strings.HasSuffix(string(out), "from the saved module\n") {
		t.Errorf("%v, it prints %q and %q", err, out, stderr.String())
	}
}

// TestServeRestoresModules does the same in Jupyter, which names the notebook in the kernel's environment.
func TestServeRestoresModules(t *testing.T) {
	dir := t.TempDir()
	writeModuleNotebook(t, dir, "")
	t.Setenv("JPY_SESSION_NAME", filepath.Join(dir, "n.ipynb"))
	k := start(t)
	k.expect("l.Hi()", `"from the saved module"`)
}
