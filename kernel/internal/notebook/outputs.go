package notebook

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/output"
	"golab/kernel/nb"
)

// record is what the cells of one run have shown.
type record struct {
	mu    sync.Mutex
	cells []*cellRecord
	shown map[string][]*shownOutput // by the identifier that updates them
	done  bool                      // nothing is recorded any more
}

// while calls f under the lock unless the record is done: goroutines of cells may go on showing things.
func (r *record) while(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done {
		f()
	}
}

// cellRecord collects the outputs of one cell. It is an engine.Sink.
type cellRecord struct {
	all     *record
	cell    *Cell
	count   int
	outputs []*shownOutput
	clear   bool // when the next output comes
}

// shownOutput is an output as the file will have it; of a stream, text is the text so far.
type shownOutput struct {
	fields *object
	text   *strings.Builder
	owner  *cellRecord
}

// begin starts the record of a cell.
func (r *record) begin(cell *Cell, count int) *cellRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &cellRecord{all: r, cell: cell, count: count}
	r.cells = append(r.cells, c)
	return c
}

// finish puts the outputs into the cells.
func (r *record) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	for _, c := range r.cells {
		list := []any{}
		for _, o := range c.outputs {
			if o.text != nil {
				o.fields.set("text", lines(settled(o.text.String())))
			}
			list = append(list, o.fields)
		}
		c.cell.fields.set("outputs", list)
		c.cell.fields.set("execution_count", number(c.count))
	}
}

// add appends an output, after a delayed Clear.
func (c *cellRecord) add(kind string) *shownOutput {
	if c.clear {
		c.reset()
	}
	o := &shownOutput{fields: newObject(), owner: c}
	o.fields.set("output_type", kind)
	c.outputs = append(c.outputs, o)
	return o
}

// reset forgets the outputs; later updates do not find them.
func (c *cellRecord) reset() {
	c.clear = false
	c.outputs = nil
	for id, shown := range c.all.shown {
		var others []*shownOutput
		for _, o := range shown {
			if o.owner != c {
				others = append(others, o)
			}
		}
		c.all.shown[id] = others
	}
}

func (c *cellRecord) Stream(name, text string) {
	c.all.while(func() {
		if n := len(c.outputs); n > 0 && !c.clear {
			if last := c.outputs[n-1]; last.text != nil && last.fields.text("name") == name {
				last.text.WriteString(text)
				return
			}
		}
		o := c.add("stream")
		o.fields.set("name", name)
		o.text = &strings.Builder{}
		o.text.WriteString(text)
	})
}

func (c *cellRecord) Display(out nb.Output) {
	c.all.while(func() {
		data, metadata := fileBundle(out.Data), fileMetadata(out.Metadata)
		if out.Update {
			for _, o := range c.all.shown[out.ID] {
				o.fields.set("data", data)
				o.fields.set("metadata", metadata)
			}
			return
		}
		o := c.add("display_data")
		o.fields.set("data", data)
		o.fields.set("metadata", metadata)
		if out.ID != "" {
			c.all.shown[out.ID] = append(c.all.shown[out.ID], o)
		}
	})
}

func (c *cellRecord) Result(b nb.Bundle) {
	c.all.while(func() {
		o := c.add("execute_result")
		o.fields.set("data", fileBundle(b))
		o.fields.set("execution_count", number(c.count))
		o.fields.set("metadata", newObject())
	})
}

// Comm is of no use in a file: nobody answers.
func (c *cellRecord) Comm(nb.CommMessage) {}

func (c *cellRecord) Clear(wait bool) {
	c.all.while(func() {
		if wait {
			c.clear = true
		} else {
			c.reset()
		}
	})
}

// fail adds the error that ended the cell.
func (c *cellRecord) fail(err *engine.Error) {
	c.all.while(func() {
		traceback := []any{}
		for _, line := range err.Traceback {
			traceback = append(traceback, line)
		}
		o := c.add("error")
		o.fields.set("ename", err.Name)
		o.fields.set("evalue", err.Value)
		o.fields.set("traceback", traceback)
	})
	if err.More != nil {
		c.Display(nb.Output{Data: err.More})
	}
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// fileBundle is a bundle as files keep it: text by lines, JSON as it is, the rest as one string.
func fileBundle(b nb.Bundle) *object {
	data := newObject()
	for mime, v := range output.Encode(b) {
		switch v := v.(type) {
		case string:
			if output.IsText(mime) {
				data.set(mime, lines(v))
			} else {
				data.set(mime, v)
			}
		case json.RawMessage:
			data.set(mime, fromJSON(v))
		}
	}
	return data
}

func fileMetadata(m map[string]any) any { return fromJSON(output.EncodeMetadata(m)) }

// fromJSON is JSON that encoding/json has written, with sorted keys.
func fromJSON(raw json.RawMessage) any {
	v, err := parseJSON(raw)
	if err != nil {
		return nil
	}
	return sorted(v)
}

// settled is text as a terminal shows it in the end: a carriage return within a line starts the line anew, a backspace
// takes back one character. So a progress bar leaves its last state in the file.
func settled(text string) string {
	if !strings.ContainsAny(text, "\r\b") {
		return text
	}
	out := make([]byte, 0, len(text))
	line := 0 // where the current line starts in out
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\r' && i+1 < len(text) && text[i+1] != '\n':
			out = out[:line]
		case c == '\b':
			if len(out) > line {
				_, n := utf8.DecodeLastRune(out)
				out = out[:len(out)-n]
			}
		default:
			out = append(out, c)
			if c == '\n' {
				line = len(out)
			}
		}
	}
	return string(out)
}
