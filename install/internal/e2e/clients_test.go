package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golab/install/internal/command"
	"golab/install/internal/venv"
	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

// clients makes sure that the clients of testdata/clients.txt are in GoLab's cache, in a Python environment of their own on
// top of the installed one, and returns its bin folder.
func clients(t *testing.T) string {
	t.Helper()
	installed(t)
	dir, err := ensureClients()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin")
}

var ensureClients = sync.OnceValues(func() (dir string, err error) {
	ctx := context.Background()
	dir = filepath.Join(home.Cache(), "clients")
	if err := os.MkdirAll(home.Cache(), 0o700); err != nil {
		return "", err
	}
	release, err := filelock.Acquire(ctx, dir+".lock", func() {})
	if err != nil {
		return "", err
	}
	defer release()
	pins, err := filepath.Abs("testdata/clients.txt")
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(pins)
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(dir, ".golab")
	want = append(want, venv.Dir()...)
	if had, err := os.ReadFile(stamp); err == nil && bytes.Equal(had, want) && exec.Command(filepath.Join(dir, "bin", "python"), "-c", "import jupyter_console, nbclient").Run() == nil {
		return dir, nil
	}
	if err := command.Run(ctx, "", venv.Env(), nil, venv.Python(), "-m", "venv", "--clear", dir); err != nil {
		return "", err
	}
	var lower bytes.Buffer // where the installed environment has its packages
	cmd := exec.Command(venv.Python(), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
	cmd.Env = append(os.Environ(), venv.Env()...)
	cmd.Stdout = &lower
	if err := cmd.Run(); err != nil {
		return "", err
	}
	own, err := filepath.Rel(venv.Dir(), strings.TrimSpace(lower.String()))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, own, "golab.pth"), lower.Bytes(), 0o644); err != nil {
		return "", err
	}
	env := append(venv.Env(), "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0")
	err = command.Run(ctx, "", env, nil, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input",
		"--disable-pip-version-check", "--progress-bar=off", "--requirement", pins)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(stamp, want, 0o644)
})

// client runs a client in dir, with GoLab's own Jupyter settings, and returns what it printed.
func client(t *testing.T, dir string, env []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(append(append(os.Environ(), ownJupyter(t)...), venv.Env()...), "JUPYTER_PATH="+venv.DataDir(), "GOLAB_HISTORY="+filepath.Join(t.TempDir(), "history.db"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// python runs a script of testdata.
func python(t *testing.T, script string, env ...string) (string, error) {
	t.Helper()
	bin := clients(t)
	path, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return client(t, t.TempDir(), env, filepath.Join(bin, "python"), path)
}

// Jupyter's own tests of kernels, all of them.
func TestJupyterKernelTest(t *testing.T) {
	for name, env := range map[string][]string{"idle": nil, "busy": {"BUSY=1"}} {
		t.Run(name, func(t *testing.T) {
			out, err := python(t, "kernel_test.py", env...)
			if err != nil || strings.Contains(out, "skipped") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A terminal, as a person at one has it: values live on, input is asked for, an error is shown, Ctrl-C stops a cell.
func TestConsole(t *testing.T) {
	if out, err := python(t, "console.py"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The messages of Jupyter's Python client that jupyter_kernel_test leaves out.
func TestJupyterClient(t *testing.T) {
	if out, err := python(t, "client.py"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// papermill puts parameters, which it writes as Go, behind the cell tagged so.
func TestPapermill(t *testing.T) {
	installed(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.ipynb")
	if err := os.WriteFile(in, []byte(parametrized), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := client(t, dir, nil, venv.Python(), "-m", "papermill", in, "out.ipynb", "-p", "rate", "0.25", "-p", "name", `a "b"`, "-p", "deep", "True", "-y", "layers: [3, 4]", "-y", "scale: {a: 1, b: 2.5}")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	result := readNotebook(t, filepath.Join(dir, "out.ipynb"))
	last := result.Cells[len(result.Cells)-1]
	if text := printed(t, filepath.Join(dir, "out.ipynb")); !strings.Contains(text, `0.25 "a \"b\"" true [3 4] map[a:1 b:2.5]`) || last.Count == nil {
		t.Errorf("the last cell printed %s", text)
	}
}

const parametrized = `{"cells": [
 {"cell_type": "code", "execution_count": null, "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [], "source": "rate, name, deep := 0.1, \"x\", false\nlayers := []int{1}"},
 {"cell_type": "code", "execution_count": null, "id": "b", "metadata": {}, "outputs": [], "source": "fmt.Printf(\"%v %q %v %v %v\\n\", rate, name, deep, layers, scale)"}
], "metadata": {"kernelspec": {"display_name": "Go (GoLab)", "language": "go", "name": "golab"}, "language_info": {"name": "go"}}, "nbformat": 4, "nbformat_minor": 5}`

// printed is all text that a notebook's cells printed.
func printed(t *testing.T, name string) string {
	t.Helper()
	var text strings.Builder
	for _, c := range readNotebook(t, name).Cells {
		for _, o := range c.Outputs {
			for _, line := range o.Text {
				text.WriteString(line)
			}
		}
	}
	return text.String()
}

// nbconvert runs a notebook and writes it as HTML: printed text, values, charts and errors are all there, and text is escaped.
func TestNbconvert(t *testing.T) {
	installed(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.ipynb"), []byte(convertible), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := client(t, dir, nil, venv.Python(), "-m", "jupyter", "nbconvert", "--to", "html", "--execute", "--allow-errors", "in.ipynb")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	html, err := os.ReadFile(filepath.Join(dir, "in.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "golab-chart", "a&lt;b", "undefined"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page has no %s", want)
		}
	}
	if bytes.Contains(html, []byte("<script>alert(1)</script>")) {
		t.Error("text of a cell became a script of the page")
	}
}

const convertible = `{"cells": [
 {"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": "fmt.Println(\"<script>alert(1)</script>\")"},
 {"cell_type": "code", "execution_count": null, "id": "b", "metadata": {}, "outputs": [], "source": "\"a<b\""},
 {"cell_type": "code", "execution_count": null, "id": "c", "metadata": {}, "outputs": [], "source": "viz.Line([]float64{3, 4})"},
 {"cell_type": "code", "execution_count": null, "id": "d", "metadata": {}, "outputs": [], "source": "missing + 1"}
], "metadata": {"kernelspec": {"display_name": "Go (GoLab)", "language": "go", "name": "golab"}, "language_info": {"name": "go"}}, "nbformat": 4, "nbformat_minor": 5}`
