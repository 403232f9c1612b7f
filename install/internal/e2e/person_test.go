package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a person does in a notebook beside running cells, in both front ends.
func TestPersonInBrowser(t *testing.T) {
	for _, front := range []string{"lab", "notebook"} {
		t.Run(front, func(t *testing.T) {
			root := installed(t)
			shots := artifacts(t, root, "person-"+front)
			t.Logf("screenshots in %s", shots)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "by hand.ipynb"), []byte(blank), 0o644); err != nil {
				t.Fatal(err)
			}
			var saw struct {
				Console, Completions, Restarted                                               []string
				Counts                                                                        []int
				Completed, Tooltip, Input, Interrupted, Survived, Mistake, Panic, Pager, Whos string
			}
			inBrowser(t, root, dir, "person.mjs", map[string]any{"notebook": "by hand.ipynb", "shots": shots, "front": front}, &saw)
			if front == "lab" { // Notebook 7.6 itself throws an error at its start
				for _, line := range saw.Console {
					t.Errorf("browser console: %s", line)
				}
			}
			if len(saw.Completions) < 2 || !strings.Contains(saw.Completions[0], "ToUpper") {
				t.Errorf("completions: %q", saw.Completions)
			}
			for _, c := range []struct{ what, got, want string }{
				{"completed cell", saw.Completed, `shouted := strings.ToUpper("go")`},
				{"tooltip", saw.Tooltip, "ToUpper(s string) string"},
				{"tooltip", saw.Tooltip, "mapped to their upper case"},
				{"answer to the input", saw.Input, "hello gopher GO"},
				{"interrupted cell", saw.Interrupted, "interrupted"},
				{"variables after the interrupt", saw.Survived, "true"},
				{"mistakes", saw.Mistake, "mismatched types float64 and int"},
				{"mistakes", saw.Mistake, "did you mean fmt.Print"},
				{"mistakes", saw.Mistake, "did you mean total?"},
				{"panic", saw.Panic, "index out of range [3] with length 3"},
				{"panic", saw.Panic, "func pick(i int) int { return values[i] }"},
				{"fmt.Println?", saw.Pager, "formats using the default formats"},
				{"%whos", saw.Whos, "shouted"},
			} {
				if !strings.Contains(c.got, c.want) {
					t.Errorf("%s: %q has no %q", c.what, c.got, c.want)
				}
			}
			if len(saw.Restarted) != 2 || !strings.Contains(saw.Restarted[0], "hello again GO") || !strings.Contains(saw.Restarted[1], "GOGO") || !slices.Equal(saw.Counts, []int{1, 2, 3, 4}) {
				t.Errorf("after the restart: %q, counts %v", saw.Restarted, saw.Counts)
			}
		})
	}
}

const blank = `{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": ""}],
 "metadata": {"kernelspec": {"display_name": "Go (GoLab)", "language": "go", "name": "golab"}, "language_info": {"name": "go"}}, "nbformat": 4, "nbformat_minor": 5}`
