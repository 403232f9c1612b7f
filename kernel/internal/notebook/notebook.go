// Package notebook reads, runs and writes notebook files (.ipynb, nbformat 4).
//
// What it does not know it keeps: fields and metadata of other programs, the order of keys, the indentation. A file that
// is read and written again is the same, byte for byte, and one that is run differs in its outputs alone.
package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Notebook is a notebook file.
type Notebook struct {
	Cells []*Cell

	root    *object
	indent  string
	newline bool // at the end of the file
}

// Cell is one cell of a Notebook.
type Cell struct{ fields *object }

// Parse reads a notebook from the content of its file.
func Parse(data []byte) (*Notebook, error) {
	v, err := parseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("not a notebook: %w", err)
	}
	root, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("not a notebook: no JSON object")
	}
	if version, ok := root.values["nbformat"].(json.Number); !ok || version != "4" {
		if !ok {
			return nil, fmt.Errorf("not a notebook: it has no nbformat")
		}
		return nil, fmt.Errorf("a notebook of nbformat %s; convert it first: jupyter nbconvert --to notebook --nbformat 4", version)
	}
	cells, ok := root.values["cells"].([]any)
	if !ok {
		return nil, fmt.Errorf("not a notebook: it has no list of cells")
	}
	n := &Notebook{root: root, indent: indentOf(data), newline: bytes.HasSuffix(data, []byte("\n"))}
	for i, c := range cells {
		fields, ok := c.(*object)
		if !ok {
			return nil, fmt.Errorf("not a notebook: cell %d is no JSON object", i+1)
		}
		n.Cells = append(n.Cells, &Cell{fields})
	}
	return n, nil
}

// indentOf is the indentation of a file's first nested line, or Jupyter's own.
func indentOf(data []byte) string {
	_, rest, _ := bytes.Cut(data, []byte("\n"))
	if indent := rest[:len(rest)-len(bytes.TrimLeft(rest, " \t"))]; len(indent) > 0 {
		return string(indent)
	}
	return " "
}

// Read reads a notebook file.
func Read(path string) (*Notebook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// Bytes is the content of n's file.
func (n *Notebook) Bytes() []byte {
	w := &writer{indent: n.indent}
	w.value(n.root, 0)
	if n.newline {
		w.WriteByte('\n')
	}
	return w.Bytes()
}

// Write writes n to path, at once: a reader sees the old file or the new one, also when the machine stops in between.
func (n *Notebook) Write(path string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // replace the file, not the link to it
	}
	mode := os.FileMode(0o644)
	if st, err := os.Stat(path); err == nil {
		mode = st.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // in vain once it was renamed
	_, err = tmp.Write(n.Bytes())
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// IsCode reports whether c is a code cell.
func (c *Cell) IsCode() bool { return c.fields.text("cell_type") == "code" }

// Source is the text of c.
func (c *Cell) Source() string { return joined(c.fields.values["source"]) }

// Tagged reports whether c has the tag.
func (c *Cell) Tagged(tag string) bool {
	metadata, _ := c.fields.values["metadata"].(*object)
	if metadata == nil {
		return false
	}
	tags, _ := metadata.values["tags"].([]any)
	return slices.Contains(tags, any(tag))
}

// joined is a text that files keep as a string or as a list of lines.
func joined(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var b strings.Builder
		for _, line := range v {
			if s, ok := line.(string); ok {
				b.WriteString(s)
			}
		}
		return b.String()
	}
	return ""
}

// lines is text as files keep it: a list of lines with their ends, cut where Python's str.splitlines cuts.
func lines(text string) []any {
	list := []any{}
	start := 0
	for i, r := range text {
		switch r {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
		case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		default:
			continue
		}
		end := i + len(string(r))
		list = append(list, text[start:end])
		start = end
	}
	if start < len(text) {
		list = append(list, text[start:])
	}
	return list
}
