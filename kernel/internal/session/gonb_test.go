package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

// Why cells of GoNB's notebooks are not run by TestGoNB, which is to need neither network nor browser.
const (
	network = "network: it needs modules that are not GoLab's own, or a cell that does"
	browser = "browser: it waits for a page to answer"
	theirs  = "theirs: it is about the machine of its author"
)

// gonbDifferences lists the cells, by notebook and number, that are not run or do not show what they show under GoNB.
// docs/gonb.md tells it to the user.
var gonbDifferences = map[string]map[int]string{
	"google_colab_demo": {1: theirs, 3: network, 4: network, 5: network, 6: network, 7: "%help tells of GoLab's commands"},
	"tutorial": {
		6: "the variable kept its value", 7: "random numbers, and not cached ones on disk",
		9: network, 12: network, 13: network, 14: network, 15: network, 16: network, 17: network, 18: network, 19: network,
		21: "init_a ran with its own cell", 25: browser, 26: theirs, 27: theirs, 29: "allocations are told, too", 30: theirs, 31: theirs, 32: "%help tells of GoLab's commands",
	},
	"wasm_demo":   {1: theirs, 2: browser, 3: theirs, 4: "no %wasm", 6: "no %wasm"},
	"bash_script": {3: "no GONB_JUPYTER_ROOT"},
	"comms":       {3: "the session keeps GoLab's gonb", 4: "%widgets sends a script", 5: browser, 6: browser},
	"dom":         {3: "the session keeps GoLab's gonb", 4: browser, 5: browser},
	"goflags":     {7: "cells heed no flags of go build", 10: "the program is written in several files"},
	"gonbui":      {3: "the session keeps GoLab's gonb"},
	"gotest":      {6: "tests run in the order in which they stand", 7: "tests run in the order in which they stand", 8: "allocations are told, too"},
	"gowork":      {6: "the session's go.mod has GoLab's requirements", 8: "the session's go.mod has GoLab's requirements", 9: "used modules are watched", 10: "a used module that is gone is told"},
	"init":        {3: "init_a ran with its own cell", 4: "init_a and init_b ran with their own cells", 5: "init_a and init_b ran with their own cells", 7: "init ran with its own cell"},
	"input_boxes": {3: "the session keeps GoLab's gonb", 5: browser},
	"vartuple":    {2: "_ is no name", 4: "a has a value of its own"},
	"wasm":        {1: "no %wasm", 2: "no %wasm", 4: "the session keeps GoLab's gonb", 5: "no %wasm"},
	"widgets":     {3: "the session keeps GoLab's gonb", 4: browser, 5: browser, 6: browser},
}

// gonbCell is a code cell of a notebook file, with what it showed.
type gonbCell struct {
	Type    string `json:"cell_type"`
	Source  lines
	Outputs []struct {
		Type string `json:"output_type"`
		Name string
		Text lines
		Data map[string]any
	}
}

// lines is a text that notebooks keep as a list of lines.
type lines string

func (l *lines) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*l = lines(strings.Join(list, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(l))
}

// shown is what a cell shows, as far as it is compared: of one that fails, what it prints on standard output. Of displayed values, HTML and Markdown
// without white space count, of others the type.
type shown struct {
	text, values string
	failed       bool
}

func (c gonbCell) shown() (s shown) {
	errs := ""
	for _, o := range c.Outputs {
		switch {
		case o.Type == "error":
			s.failed = true
		case o.Type == "stream" && o.Name == "stderr":
			errs += string(o.Text)
		case o.Type == "stream" && o.Name != "stdin":
			s.text += string(o.Text)
		}
		for mime, v := range o.Data {
			s.value(mime, v)
		}
	}
	if s.failed {
		s.values = ""
	} else {
		s.text += errs
	}
	return s
}

func (s *shown) value(mime string, v any) {
	text := ""
	switch mime {
	case "text/plain":
		return
	case "text/html", "text/markdown":
		b, _ := json.Marshal(v)
		var l lines
		if json.Unmarshal(b, &l) == nil {
			text = strings.Join(strings.Fields(string(l)), "")
		}
	}
	if text == "" {
		text = mime + " "
	}
	s.values += text
}

// unlike is what differs between two runs of the same notebook, and between two machines.
var unlike = regexp.MustCompile(`/tmp/[\w./-]+|\(\d+\.\d+s\)|[ \t]*\d+[ \t]+[\d.]+ ns/op|[ \t]+$`)

func (s shown) comparable() shown {
	s.text = regexp.MustCompile(`.*\r([^\n])`).ReplaceAllString(s.text, "$1") // as a page shows it
	s.text = regexp.MustCompile(`(?m)^(cpu|pkg|goos|goarch): .*\n`).ReplaceAllString(s.text, "")
	s.text = strings.TrimSpace(unlike.ReplaceAllString(s.text, "#"))
	s.text = regexp.MustCompile(`(Benchmark\w+)-\d+`).ReplaceAllString(s.text, "$1")
	s.values = unlike.ReplaceAllString(s.values, "#")
	return s
}

// TestGoNB runs the notebooks that GoNB has, its tutorial and those of its tests, as they lie in its module, and compares
// what cells show with what they showed under GoNB when they were saved. See docs/gonb.md.
func TestGoNB(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", gonbModule).Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	var notebooks []string
	for _, glob := range []string{"examples/*.ipynb", "examples/tests/*.ipynb"} {
		found, _ := filepath.Glob(filepath.Join(root, glob))
		notebooks = append(notebooks, found...)
	}
	if len(notebooks) < 20 {
		t.Fatalf("%s has %d notebooks", root, len(notebooks))
	}
	seen := map[string]bool{}
	for _, path := range notebooks {
		name := strings.TrimSuffix(filepath.Base(path), ".ipynb")
		seen[name] = true
		t.Run(name, func(t *testing.T) { runGoNB(t, root, path, gonbDifferences[name]) })
	}
	for name := range gonbDifferences {
		if !seen[name] {
			t.Errorf("there is no notebook %s", name)
		}
	}
}

// testify is a module of GoLab's requirements' own tests, which notebooks use.
const testify = "github.com/stretchr/testify"

// cached reports whether the go command has a module at hand, in the version that GoLab's go.sum names.
func cached(t *testing.T, module string) bool {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	return err == nil && strings.TrimSpace(string(out)) != ""
}

func runGoNB(t *testing.T, root, path string, differences map[int]string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var n struct{ Cells []gonbCell }
	if err := json.Unmarshal(data, &n); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("TEST_DIR", t.TempDir()+"/") // as GoNB's own tests have it
	t.Setenv("GONB_GIT_ROOT", root)
	t.Setenv("GOCOVERDIR", filepath.Join("/tmp", filepath.Base(dir)))
	online := os.Getenv("GOLAB_TEST_NETWORK") != "" // cells that need the network are run, and must not fail
	s := openIn(t, dir, "")
	s.settings.noAutoGet = !online
	answers := []string{"foo", "bar"}
	input := func(context.Context, string, bool) (string, error) {
		if len(answers) == 0 {
			return "", errors.New("asked too often")
		}
		answer := answers[0]
		answers = answers[1:]
		return answer, nil
	}
	count := 0
	for _, c := range n.Cells {
		if c.Type != "code" {
			continue
		}
		count++
		why := differences[count]
		if why == browser || why == theirs || why == network && !online {
			continue
		}
		if strings.Contains(string(c.Source), testify) && !cached(t, testify) {
			t.Skipf("from In [%d] on it needs %s, which is not in the module cache", count, testify)
		}
		rec := &recording{}
		res := s.Execute(engine.Request{Code: string(c.Source), Count: count, Input: input}, rec)
		got := shown{text: rec.Stdout, failed: res.Err != nil}
		if !got.failed {
			got.text += ansi.ReplaceAllString(rec.Stderr, "")
			for _, o := range rec.Outputs {
				for mime, v := range o.Data {
					got.value(mime, v)
				}
			}
		}
		// The author's folders are those of this test.
		got.text = strings.NewReplacer(root, "/home/janpf/Projects/gonb", dir, "/home/janpf/Projects/gonb/examples/tests").Replace(got.text)
		got = got.comparable()
		if why == network {
			if got.failed {
				t.Errorf("In [%d] %.300s\nfails: %s", count, c.Source, ansi.ReplaceAllString(strings.Join(res.Err.Traceback, "\n"), ""))
			}
			continue
		}
		if want := c.shown().comparable(); (got == want) == (why != "") {
			t.Errorf("In [%d] %.300s\n--- shows\n%+v (%v)\n--- under GoNB\n%+v\n--- a difference is %q", count, c.Source, got, res.Err, want, why)
		}
	}
}
