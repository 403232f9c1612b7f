package notebook

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestRoundTrip: files written by nbformat itself (testdata/jupyter.ipynb) and by another program come out as they went in.
func TestRoundTrip(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ipynb")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Parse(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(n.Bytes()); got != string(want) {
			t.Errorf("%s changed:\n%s", file, firstDifference(got, string(want)))
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}

func TestWriteReplacesTheFileAtOnce(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "n.ipynb"), filepath.Join(dir, "link.ipynb")
	if err := os.WriteFile(path, []byte(`{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}`), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("n.ipynb", link); err != nil {
		t.Fatal(err)
	}
	n, err := Read(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Write(link); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Lstat(path); st.Mode() != 0o640 {
		t.Errorf("mode %v", st.Mode())
	}
	entries, _ := os.ReadDir(dir)
	if st, _ := os.Lstat(link); st.Mode()&os.ModeSymlink == 0 || len(entries) != 2 {
		t.Errorf("the link is no link any more, or files are left: %v", entries)
	}
	if err := n.Write(filepath.Join(dir, "none", "n.ipynb")); err == nil {
		t.Error("wrote into a folder that does not exist")
	}
}

func TestParseErrors(t *testing.T) {
	for data, want := range map[string]string{
		``:                                  "unexpected EOF",
		`{"cells": [`:                       "unexpected EOF",
		`[]`:                                "no JSON object",
		`{}`:                                "no nbformat",
		`{"nbformat":3,"worksheets":0}`:     "nbformat 3; convert it first",
		`{"nbformat":4}`:                    "no list of cells",
		`{"nbformat":4,"cells":[1]}`:        "cell 1 is no JSON object",
		`{"nbformat":4,"cells":[]} {}`:      "more than one",
		`{"a":` + strings.Repeat("[", 5000): "nested too deeply",
	} {
		if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want %q", data, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":["a"],"metadata":{"tags":["x"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(n.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if string(again.Bytes()) != string(n.Bytes()) {
			t.Error("writing twice differs")
		}
		for _, c := range n.Cells {
			c.Source()
			c.Tagged("x")
		}
	})
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]any{
		"":                     {},
		"a":                    {"a"},
		"a\n":                  {"a\n"},
		"a\r\nb\rc\n\nd":       {"a\r\n", "b\r", "c\n", "\n", "d"},
		"\v\f\x1c\x1d\x1e":     {"\v", "\f", "\x1c", "\x1d", "\x1e"},
		"é\u0085\u2028x\u2029": {"é\u0085", "\u2028", "x\u2029"},
	} {
		if got := lines(text); !reflect.DeepEqual(got, want) {
			t.Errorf("lines(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSettled(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n":                         "plain\n",
		"10%\r50%\r100%\ndone\n":          "100%\ndone\n",
		"a\r\nb\r\n":                      "a\r\nb\r\n",
		"still going\r":                   "still going\r",
		"a\r\r\nb":                        "\r\nb",
		"ab\bc\b\b\b\b\nx\b\b\by":         "\ny",
		"é\bx":                            "x",
		strings.Repeat("x\b", 1<<20) + "": "",
	} {
		if got := settled(text); got != want {
			t.Errorf("settled(%.40q) = %.40q, want %q", text, got, want)
		}
	}
}

// python is an interpreter that has nbformat; the test is skipped where there is none.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("PYTHON"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import nbformat").Run() == nil {
			return name
		}
	}
	t.Skip("no Python with nbformat")
	return ""
}

// TestNbformatAgrees: what we write is valid, and nbformat, reading and writing it, changes nothing.
func TestNbformatAgrees(t *testing.T) {
	py := python(t)
	n := runSample(t)
	path := filepath.Join(t.TempDir(), "n.ipynb")
	if err := n.Write(path); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(py, "-c", `
import json, nbformat, sys
n = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(n)
json.dump(nbformat.writes(n) + "\n", sys.stdout)`, path).Output()
	if err != nil {
		t.Fatalf("nbformat: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var theirs string
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	if ours := string(n.Bytes()); ours != theirs {
		t.Errorf("nbformat writes it differently:\n%s", firstDifference(ours, theirs))
	}
}
