package viz

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golab/kernel/nb"
	"golab/viz/internal/table"
)

// content is what an option holds of data, as far as words and a table can say it.
type content struct {
	title      string
	categories []string
	series     []contentSeries
}

type contentSeries struct {
	name, kind string
	items      [][]any // per item its value, or its coordinates
	names      []string
}

func (o option) content() content {
	var raw struct {
		Title  json.RawMessage
		XAxis  json.RawMessage
		Series []struct {
			Name, Type string
			Data       []json.RawMessage
		}
	}
	var c content
	if json.Unmarshal(o, &raw) != nil {
		return c
	}
	var title struct{ Text string }
	if json.Unmarshal(raw.Title, &title) == nil {
		c.title = title.Text
	}
	var axes []struct{ Data []any }
	if json.Unmarshal(raw.XAxis, &axes) == nil && len(axes) > 0 {
		for _, v := range axes[0].Data {
			c.categories = append(c.categories, plain(v))
		}
	}
	for _, s := range raw.Series {
		out := contentSeries{name: s.Name, kind: s.Type}
		for _, d := range s.Data {
			var item struct {
				Name  string
				Value any
			}
			if json.Unmarshal(d, &item) != nil {
				item.Value = nil
				_ = json.Unmarshal(d, &item.Value)
			}
			values, ok := item.Value.([]any)
			if !ok {
				values = []any{item.Value}
			}
			out.items = append(out.items, values)
			out.names = append(out.names, item.Name)
		}
		c.series = append(c.series, out)
	}
	return c
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return fmt.Sprint(v)
}

// summary is the chart in words: its title, and for each series how much it holds and in which range.
func (o option) summary(kind string) string {
	c := o.content()
	var b strings.Builder
	b.WriteString(strings.ToUpper(kind[:min(1, len(kind))]) + kind[min(1, len(kind)):] + " chart")
	if c.title != "" {
		b.WriteString(": " + c.title)
	}
	for _, s := range c.series {
		low, high := math.Inf(1), math.Inf(-1)
		first, last := "", ""
		for _, item := range s.items {
			if v, ok := item[len(item)-1].(float64); ok {
				low, high = min(low, v), max(high, v)
				if last = plain(v); first == "" {
					first = last
				}
			}
		}
		b.WriteString("\n  ")
		if s.name != "" {
			b.WriteString(s.name + ": ")
		}
		fmt.Fprintf(&b, "%d values", len(s.items))
		if low <= high {
			fmt.Fprintf(&b, ", %s to %s", plain(low), plain(high))
			if s.kind == "line" {
				fmt.Fprintf(&b, ", first %s, last %s", first, last)
			}
		}
	}
	return b.String()
}

// bundle shows why a chart could not be drawn, and its data instead.
func (o option) bundle(text string, err error) nb.Bundle {
	b := failure(err)
	t := o.table()
	if t.Rows == 0 {
		return b
	}
	b[mimeHTML] = b[mimeHTML].(string) + t.HTML()
	b[mimeText] = err.Error() + "\n" + text + "\n" + t.Text()
	return b
}

func (o option) table() table.Table {
	c := o.content()
	t := table.Table{Caption: c.title}
	if len(c.categories) > 0 {
		t.RowName = func(r int) string {
			if r < len(c.categories) {
				return c.categories[r]
			}
			return strconv.Itoa(r)
		}
	}
	for i, s := range c.series {
		t.Rows = max(t.Rows, len(s.items))
		wide := 1
		for _, item := range s.items {
			wide = max(wide, len(item))
		}
		name := s.name
		if name == "" {
			name = fmt.Sprintf("%s %d", s.kind, i+1)
		}
		for k := range wide {
			head := name
			if wide > 1 {
				head = fmt.Sprintf("%s [%d]", name, k)
			}
			t.Columns = append(t.Columns, table.Column{Name: head, Text: func(r int) (string, bool) {
				if r >= len(s.items) || k >= len(s.items[r]) || s.items[r][k] == nil || s.items[r][k] == "-" {
					return "", false
				}
				if k == 0 && s.names[r] != "" {
					return s.names[r] + ": " + plain(s.items[r][k]), true
				}
				return plain(s.items[r][k]), true
			}})
		}
	}
	return t
}
