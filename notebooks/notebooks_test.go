// Package notebooks_test runs the notebooks of the course as a student would, through the kernel's headless runner, and
// compares what they show with the outputs they are committed with.
package notebooks_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golab/install/fetch"
	"golab/kernel/home"
)

var update = flag.Bool("update", false, "write the outputs of the run into the notebooks")

type notebook struct {
	Cells []struct {
		Type    string `json:"cell_type"`
		Source  text
		Count   *int `json:"execution_count"`
		Outputs []output
	}
}

type output struct {
	Type string `json:"output_type"`
	Name string
	Text text
	Data map[string]any
}

// text is a string that a notebook file may hold as a list of lines.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var lines []string
	if err := json.Unmarshal(b, &lines); err == nil {
		*t = text(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// TestNotebooks runs each notebook. A cell that shows something else than it is committed with, numbers aside, has been
// changed without being run, or has broken: `go test ./notebooks -update` writes the new outputs.
func TestNotebooks(t *testing.T) {
	for _, f := range []func() (string, error){
		func() (string, error) { return fetch.ECharts(t.Context()) },
		func() (string, error) { return fetch.XLACPU(t.Context()) },
	} {
		if _, err := f(); err != nil {
			t.Fatal(err)
		}
	}
	kernel := filepath.Join(t.TempDir(), "kernel")
	if out, err := exec.Command("go", "build", "-trimpath=false", "-o", kernel, "golab/kernel").CombinedOutput(); err != nil {
		t.Fatalf("build the kernel: %v\n%s", err, out)
	}
	files, err := filepath.Glob("[0-9][0-9]-*.ipynb")
	if err != nil || len(files) == 0 {
		t.Fatal("no notebooks", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".ipynb"), func(t *testing.T) {
			ran := file
			args := []string{"run", file, "--static", "--inplace"}
			if !*update {
				ran = filepath.Join(t.TempDir(), file)
				args = []string{"run", file, "--static", "-o", ran}
			}
			if out, err := exec.Command(kernel, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want, got := shown(t, file), shown(t, ran)
			if len(want) < 5 {
				t.Fatalf("only %d cells", len(want))
			}
			for i, w := range want {
				if got[i] != w {
					t.Errorf("cell %d shows\n%s\nbut is committed with\n%s", i+1, got[i], w)
				}
			}
		})
	}
}

// shown is what each code cell of a notebook shows, without numbers; it checks that the cells were run in order.
func shown(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{home.Dir(), home.Cache(), os.TempDir() + "/"} {
		if strings.Contains(string(b), private) {
			t.Errorf("%s names %s", file, private)
		}
	}
	var n notebook
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, c := range n.Cells {
		if c.Type != "code" {
			continue
		}
		if c.Count == nil || *c.Count != len(cells)+1 {
			t.Errorf("%s: code cell %d was not run in order", file, len(cells)+1)
		}
		var s strings.Builder
		for _, o := range c.Outputs {
			if o.Type == "error" {
				t.Errorf("%s: code cell %d failed", file, len(cells)+1)
			}
			plain, _ := o.Data["text/plain"].(string)
			if lines, ok := o.Data["text/plain"].([]any); ok {
				for _, l := range lines {
					plain += fmt.Sprint(l)
				}
			}
			fmt.Fprintf(&s, "%s %s %v %s\n", o.Type, o.Name, slices.Sorted(maps.Keys(o.Data)), stable(string(o.Text)+plain))
		}
		cells = append(cells, s.String())
	}
	return cells
}

var (
	number = regexp.MustCompile(`-?\d+(,\d+)*(\.\d+)?(e[-+]?\d+)?`)
	spaces = regexp.MustCompile(`\s+`)
	volley = regexp.MustCompile(`(N seen as N,? ?)+`)
)

// stable is s without what differs from machine to machine: the last digits of numbers, and which digits a model takes
// for which.
func stable(s string) string {
	s = number.ReplaceAllString(s, "N")
	s = volley.ReplaceAllString(s, "N seen as N")
	return strings.TrimSpace(spaces.ReplaceAllString(s, " "))
}
