// Package e2e tests GoLab as a person uses it: set up by the installer's own functions, JupyterLab in a browser, the course's first
// notebook run, edited and run again; and the same notebook run by Jupyter without a browser.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golab/install/fetch"
	"golab/install/internal/lab"
	"golab/install/internal/progress"
	"golab/install/internal/setup"
	"golab/install/internal/venv"
)

const quickstart = "00-quickstart.ipynb"

// installed sets GoLab up, in the user's own GoLab home, and returns the source folder.
func installed(t *testing.T) string {
	t.Helper()
	root, err := setUp()
	if err != nil {
		t.Fatal(err)
	}
	dependOnSources(t, root)
	return root
}

var setUp = sync.OnceValues(func() (root string, err error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	root, err = setup.FindRoot(wd)
	if err != nil {
		return "", err
	}
	return root, setup.Lab(context.Background(), progress.New(os.Stdout), root)
})

// dependOnSources has the go command know that this test depends on all of GoLab, which is built and run by other processes: it
// takes a test's earlier result only if the files that the test looked at are what they were.
func dependOnSources(t *testing.T, root string) {
	t.Helper()
	for _, dir := range []string{"kernel", "mlx", "viz", "datasets", "notebooks", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(p string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// notebooks copies the course to a folder that a test may write to.
func notebooks(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "notebooks 笔记")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "notebooks"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// artifacts is the folder where screenshots are kept for people to look at.
func artifacts(t *testing.T, root, name string) string {
	t.Helper()
	dir := os.Getenv("GOLAB_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join(root, ".out")
	}
	dir = filepath.Join(dir, name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ownJupyter is an environment in which Jupyter uses no settings but those of GoLab's installation.
func ownJupyter(t *testing.T) []string {
	dir := t.TempDir()
	var env []string
	for _, name := range []string{"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"} {
		sub := filepath.Join(dir, name)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+sub)
	}
	return append(env, "JUPYTER_PATH=", "JUPYTER_CONFIG_PATH=")
}

// findBrowser returns a browser of Chromium's kind, or skips the test.
func findBrowser(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("CHROME"); p != "" {
		return p
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("no Chromium on this machine (Debian: apt-get install chromium); $CHROME may name one")
	return ""
}

// seen is what drive.mjs saw.
type seen struct {
	Console []string
	Cells   []cell
	Charts  []struct {
		Cell, Colours int
		Live, Picture bool
		Width, Height float64
	}
	Edited cell
}

type cell struct {
	Type, Source, Text string
	Count              int
	Mime, Errors       []string
}

// inBrowser starts JupyterLab on a folder of notebooks, has a script of this folder use it in a browser, and puts what the script
// saw into saw.
func inBrowser(t *testing.T, root, dir, script string, orders map[string]any, saw any) {
	t.Helper()
	playwright, err := fetch.PlaywrightCore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	node, err := fetch.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := lab.Start(t.Context(), lab.Options{
		Root: dir,
		Args: []string{"--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"},
		Env:  ownJupyter(t),
		Log:  t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Errorf("JupyterLab: %v", err)
		}
	}()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	orders["token"] = u.Query().Get("token")
	orders["base"] = strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "lab")
	orders["playwright"] = playwright
	orders["browser"] = findBrowser(t)
	orders["timeout"] = (4 * time.Minute).Milliseconds()
	arg, err := json.Marshal(orders)
	if err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(root, "install", "internal", "e2e", script)
	for _, file := range []string{script, filepath.Join(filepath.Dir(script), "browser.mjs")} {
		if _, err := os.Stat(file); err != nil { // also tells the go command that the test depends on it
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, script, string(arg))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the browser: %v\n%s\nscreenshots: %s", err, &errs, orders["shots"])
	}
	if err := json.Unmarshal(out.Bytes(), saw); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
}

func TestQuickstartInJupyterLab(t *testing.T) {
	browser := findBrowser(t)
	root := installed(t)
	shots := artifacts(t, root, "quickstart")
	t.Logf("%s; screenshots in %s", browser, shots)
	dir := notebooks(t, root)
	index, source := otherRate(t, filepath.Join(dir, quickstart))
	var s seen
	inBrowser(t, root, dir, "drive.mjs", map[string]any{
		"notebook": quickstart,
		"shots":    shots,
		"edit":     map[string]any{"cell": index, "source": source},
	}, &s)
	for i, c := range s.Cells {
		for _, e := range c.Errors {
			t.Errorf("cell %d:\n%s\nfailed: %s", i, c.Source, e)
		}
	}
	for _, line := range s.Console {
		t.Errorf("browser console: %s", line)
	}
	if len(s.Charts) < 2 {
		t.Errorf("%d charts, want the training history and the confusion matrix at least", len(s.Charts))
	}
	for i, c := range s.Charts {
		if !c.Live || !c.Picture || c.Colours < 10 || c.Width < 200 || c.Height < 100 {
			t.Errorf("chart %d of cell %d is not drawn: %+v", i+1, c.Cell, c)
		}
	}
	if s.Edited.Source != source || len(s.Edited.Errors) != 0 || s.Edited.Text == "" {
		t.Errorf("the edited cell: %+v", s.Edited)
	}
}

// otherRate returns the last code cell of a notebook that sets a learning rate, with the rate doubled: an edit as a reader would make it.
func otherRate(t *testing.T, name string) (index int, source string) {
	t.Helper()
	rate := regexp.MustCompile(`LearningRate: *([0-9.]+)`)
	index = -1
	for i, c := range readNotebook(t, name).Cells {
		text := c.source()
		m := rate.FindStringSubmatchIndex(text)
		if c.Type != "code" || m == nil || c.Metadata.Jupyter.Hidden { // nobody types in a folded cell
			continue
		}
		r, err := strconv.ParseFloat(text[m[2]:m[3]], 64)
		if err != nil {
			t.Fatal(err)
		}
		index, source = i, fmt.Sprint(text[:m[2]], 2*r, text[m[3]:])
	}
	if index < 0 {
		t.Fatalf("no cell of %s sets a learning rate", name)
	}
	return index, source
}

// notebook is what the tests look at in a notebook file.
type notebook struct {
	Cells []notebookCell
}

type notebookCell struct {
	Type     string `json:"cell_type"`
	Metadata struct {
		Jupyter struct {
			Hidden bool `json:"source_hidden"`
		}
	}
	Source  any  // a string or a list of them
	Count   *int `json:"execution_count"`
	Outputs []struct {
		Type string   `json:"output_type"`
		Text []string // of a stream, as papermill writes it
	}
}

func (c notebookCell) source() string {
	if lines, ok := c.Source.([]any); ok {
		var b strings.Builder
		for _, l := range lines {
			fmt.Fprint(&b, l)
		}
		return b.String()
	}
	return fmt.Sprint(c.Source)
}

func readNotebook(t *testing.T, name string) (nb notebook) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &nb); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return nb
}

// Jupyter's own runner, which teachers' tools build on, runs the same notebook.
func TestQuickstartInNbclient(t *testing.T) {
	root := installed(t)
	dir := notebooks(t, root)
	cmd := exec.CommandContext(t.Context(), venv.Python(), "-m", "jupyter", "execute", "--timeout=300", "--output", "out.ipynb", filepath.Join(dir, quickstart))
	cmd.Env = append(append(os.Environ(), ownJupyter(t)...), venv.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	outputs := 0
	for i, c := range readNotebook(t, filepath.Join(dir, "out.ipynb")).Cells {
		if c.Type != "code" {
			continue
		}
		if c.Count == nil {
			t.Errorf("cell %d was not run", i)
		}
		for _, o := range c.Outputs {
			outputs++
			if o.Type == "error" {
				t.Errorf("cell %d failed:\n%s", i, c.source())
			}
		}
	}
	if outputs < 3 {
		t.Errorf("%d outputs in all", outputs)
	}
}
