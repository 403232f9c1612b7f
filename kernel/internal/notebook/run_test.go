package notebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/jupyter/jupytertest"
	"golab/kernel/nb"
)

// newNotebook makes a notebook of code cells; a cell may begin with "#tag:NAME" lines.
func newNotebook(t *testing.T, cells ...string) *Notebook {
	t.Helper()
	list := []any{map[string]any{"cell_type": "markdown", "id": "m", "metadata": map[string]any{}, "source": "fail in markdown"}}
	for i, code := range cells {
		tags := []string{}
		for strings.HasPrefix(code, "#tag:") {
			tag, rest, _ := strings.Cut(code, "\n")
			tags = append(tags, strings.TrimPrefix(tag, "#tag:"))
			code = rest
		}
		list = append(list, map[string]any{
			"cell_type": "code", "id": fmt.Sprint("c", i), "metadata": map[string]any{"tags": tags}, "source": strings.SplitAfter(code, "\n"),
			"execution_count": nil, "outputs": []any{map[string]any{"output_type": "stream", "name": "stdout", "text": []string{"old"}}},
		})
	}
	data, err := json.Marshal(map[string]any{"cells": list, "metadata": map[string]any{}, "nbformat": 4, "nbformat_minor": 5})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outputs is a cell's number and outputs, in compact JSON.
func outputs(c *Cell) string {
	w := &writer{}
	w.value(c.fields.values["execution_count"], 0)
	for _, o := range c.fields.values["outputs"].([]any) {
		w.WriteByte('\n')
		one := &writer{}
		one.value(o, 0)
		w.WriteString(strings.ReplaceAll(one.String(), "\n", ""))
	}
	return w.String()
}

const stdout = `{"name": "stdout","output_type": "stream","text": `

func TestRunFillsOutputs(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{"print a\nprint b\neprint c\nprint d", "1\n" + stdout + `["a\n","b\n"]}` + "\n" +
			`{"name": "stderr","output_type": "stream","text": ["c\n"]}` + "\n" + stdout + `["d\n"]}`},
		{"value x", `1` + "\n" + `{"data": {"text/plain": ["x"]},"execution_count": 1,"metadata": {},"output_type": "execute_result"}`},
		{"id i one\nprint a\nupdate i two\nupdate unknown three", "1\n" +
			`{"data": {"text/plain": ["two"]},"metadata": {},"output_type": "display_data"}` + "\n" + stdout + `["a\n"]}`},
		{"print a\nclear\nprint b", "1\n" + stdout + `["b\n"]}`},
		{"print a\nclear wait\nprint b\nprint c", "1\n" + stdout + `["b\n","c\n"]}`},
		{"print a\nclear wait", "1\n" + stdout + `["a\n"]}`},
		{"id i one\nclear\nupdate i two", "1"},
		{"print 1\r2\r3", "1\n" + stdout + `["3\n"]}`},
		{"show text/html <b>\u2028</b>", "1\n" + `{"data": {"text/html": ["<b>` + "\u2028" + `","</b>"]},"metadata": {},"output_type": "display_data"}`},
	} {
		n := newNotebook(t, test.code)
		if err := Run(t.Context(), &jupytertest.Engine{}, n, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := outputs(n.Cells[1]); got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.code, got, test.want)
		}
	}
}

// pager answers each cell with a page.
type pager struct{ jupytertest.Engine }

func (*pager) Execute(req engine.Request, _ engine.Sink) engine.Result {
	return engine.Result{Payload: []engine.Payload{{Source: "page", Page: nb.Bundle{"text/plain": "about " + req.Code}}, {Source: "set_next_input", Text: "x"}}}
}

// TestRunShowsPages checks that what a pager would show is an output.
func TestRunShowsPages(t *testing.T) {
	n := newNotebook(t, "x?")
	if err := Run(t.Context(), &pager{}, n, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := outputs(n.Cells[1]), `1`+"\n"+`{"data": {"text/plain": ["about x?"]},"metadata": {},"output_type": "display_data"}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestRunUpdatesEarlierCells(t *testing.T) {
	n := newNotebook(t, "id i one", "id i two", "update i three\nprint x")
	if err := Run(t.Context(), &jupytertest.Engine{}, n, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range n.Cells[1:3] {
		if got := outputs(c); !strings.Contains(got, `["three"]`) {
			t.Errorf("got %s", got)
		}
	}
}

func TestRunStopsAtTheFirstFailure(t *testing.T) {
	n := newNotebook(t, "print a", " \n", "print b\nfail boom", "print c")
	err := Run(t.Context(), &jupytertest.Engine{}, n, Options{})
	failed, ok := errors.AsType[*CellError](err)
	if !ok || failed.Count != 2 || failed.Err.Value != "boom" || err.Error() != "cell In [2] (print b …) failed: failed: boom" {
		t.Errorf("error %v", err)
	}
	for i, want := range []string{
		"1\n" + stdout + `["a\n"]}`,
		"null\n" + stdout + `["old"]}`, // an empty cell is not touched
		"2\n" + stdout + `["b\n"]}` + "\n" +
			`{"ename": "failed","evalue": "boom","output_type": "error","traceback": ["\u001b[31mfailed\u001b[0m: boom"]}`,
		"null\n" + stdout + `["old"]}`,
	} {
		if got := outputs(n.Cells[i+1]); got != want {
			t.Errorf("cell %d:\n got %s\nwant %s", i+1, got, want)
		}
	}
}

func TestRunAllowsErrors(t *testing.T) {
	n := newNotebook(t, "#tag:raises-exception\nfail expected", "#tag:skip-execution\nfail skipped", "print on", "fail boom", "print last")
	var begun []int
	opts := Options{Begin: func(count, total int) { begun = append(begun, count, total) }}
	if err := Run(t.Context(), &jupytertest.Engine{}, n, opts); err == nil || !strings.Contains(err.Error(), "In [3]") {
		t.Errorf("error %v", err)
	}
	if want := []int{1, 4, 2, 4, 3, 4}; !reflect.DeepEqual(begun, want) {
		t.Errorf("begun %v, want %v", begun, want)
	}
	if got := outputs(n.Cells[2]); got != "null\n"+stdout+`["old"]}` {
		t.Errorf("the skipped cell has %s", got)
	}
	opts.AllowErrors = true
	if err := Run(t.Context(), &jupytertest.Engine{}, n, opts); err != nil {
		t.Error(err)
	}
	if got := outputs(n.Cells[5]); got != "4\n"+stdout+`["last\n"]}` {
		t.Errorf("the last cell has %s", got)
	}
}

func TestRunIsInterrupted(t *testing.T) {
	n := newNotebook(t, "wait forever", "print never")
	eng := &jupytertest.Engine{}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-eng.Waiting("forever")
		cancel()
	}()
	if err := Run(ctx, eng, n, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := outputs(n.Cells[1]); !strings.Contains(got, `"ename": "interrupted"`) {
		t.Errorf("the cell has %s", got)
	}
}

func TestRunLimitsText(t *testing.T) {
	n := newNotebook(t, "call flood")
	eng := &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){"flood": func(_ engine.Request, out engine.Sink) {
		for range 12 {
			out.Stream("stdout", strings.Repeat(strings.Repeat("é", 31)+"\n", 1<<14))
		}
		out.Stream("stdout", "the end\n")
	}}}
	if err := Run(t.Context(), eng, n, Options{}); err != nil {
		t.Fatal(err)
	}
	if size := len(n.Bytes()); size > 12<<20 {
		t.Errorf("the notebook has %d bytes", size)
	}
	text := n.Cells[1].fields.values["outputs"].([]any)[0].(*object).values["text"].([]any)
	if last := text[len(text)-1]; last != "the end\n" {
		t.Errorf("the output ends in %q", last)
	}
}

// TestOutputAfterTheRun: goroutines of a cell that outlive the run harm nothing (the race detector watches).
func TestOutputAfterTheRun(t *testing.T) {
	n := newNotebook(t, "call leave")
	var late engine.Sink
	eng := &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){"leave": func(_ engine.Request, out engine.Sink) { late = out }}}
	if err := Run(t.Context(), eng, n, Options{}); err != nil {
		t.Fatal(err)
	}
	go late.Stream("stdout", "late")
	if got := outputs(n.Cells[1]); got != "1" {
		t.Errorf("the cell has %s", got)
	}
}

// runSample runs testdata/jupyter.ipynb with outputs of all kinds.
func runSample(t *testing.T) *Notebook {
	t.Helper()
	n, err := Read("testdata/jupyter.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	n.Cells[1].fields.set("source", lines("print a\nprint b\r\x1b[32m<&>\nvalue é\ncall show\nfail boom"))
	eng := &jupytertest.Engine{Calls: map[string]func(engine.Request, engine.Sink){"show": func(_ engine.Request, out engine.Sink) {
		out.Display(nb.Output{ID: "x", Metadata: map[string]any{"b": 1, "a": 0.5}, Data: nb.Bundle{
			"image/png": []byte("png"), "image/svg+xml": "<svg>\n</svg>", "text/html": "a\u0085b", "text/plain": "",
			"application/json": struct {
				Z int     `json:"z"`
				A float64 `json:"a"`
			}{1, 0.25},
		}})
	}}}
	info := map[string]any{"name": "go", "version": "1.26", "mimetype": "text/x-go", "file_extension": ".go"}
	if err := Run(t.Context(), eng, n, Options{AllowErrors: true, LanguageInfo: info}); err != nil {
		t.Fatal(err)
	}
	return n
}
