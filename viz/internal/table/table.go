// Package table writes rows and columns as HTML and as plain text: the first and last of them when there are many.
package table

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How much of a table is shown.
const (
	allRows, endRows = 20, 5  // up to 20 rows all, else 5 at each end
	allCols, endCols = 20, 10 // likewise
	cellRunes        = 80     // of one cell
)

// Column is one column. Float or Text gives the content of a row; it is called for the rows shown only.
type Column struct {
	Name, Type string
	Float      func(row int) float64 // shown with as many decimals as the column needs; NaN is missing
	Text       func(row int) (text string, ok bool)
	Left       bool // text to read, not numbers to compare
}

// Table is what to show. Missing values and the names of rows and columns may hold any text.
type Table struct {
	Columns []Column
	Rows    int
	RowName func(row int) string // the row's number if nil
	Caption string               // below the table, with the shape
	NoShape bool
}

const gap = -1 // stands for the rows or columns left out

// missing marks an absent value; it is no text that data could hold, as its style shows in HTML.
const missing = "–"

type cell struct {
	text    string
	missing bool
}

// view is the part of a table that is shown.
type view struct {
	rows, cols []int
	cells      [][]cell // per shown column
}

func (t Table) view() view {
	v := view{rows: ends(t.Rows, allRows, endRows), cols: ends(len(t.Columns), allCols, endCols)}
	for _, c := range v.cols {
		if c == gap {
			v.cells = append(v.cells, nil)
			continue
		}
		v.cells = append(v.cells, t.Columns[c].cells(v.rows))
	}
	return v
}

// ends are the numbers from 0 to n-1, or of more than all the first and last ones with a gap between.
func ends(n, all, end int) []int {
	var at []int
	for i := 0; i < n; i++ {
		if n > all && i == end {
			at = append(at, gap)
			i = n - end
		}
		at = append(at, i)
	}
	return at
}

func (c Column) cells(rows []int) []cell {
	out := make([]cell, len(rows))
	if c.Float != nil {
		values := make([]float64, 0, len(rows))
		for _, r := range rows {
			if r != gap {
				values = append(values, c.Float(r))
			}
		}
		format := Format(values)
		i := 0
		for k, r := range rows {
			if r == gap {
				continue
			}
			out[k] = cell{format(values[i]), math.IsNaN(values[i])}
			i++
		}
		return out
	}
	for k, r := range rows {
		if r == gap {
			continue
		}
		if c.Text == nil {
			continue
		}
		text, ok := c.Text(r)
		out[k] = cell{short(text), !ok}
	}
	return out
}

// Format returns how to write numbers that stand below each other: with the decimals that six digits of the greatest
// leave, as few as they need.
func Format(values []float64) func(float64) string {
	greatest, whole := 0.0, true
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		greatest = max(greatest, math.Abs(v))
		whole = whole && v == math.Trunc(v)
	}
	if greatest >= 1e9 || greatest > 0 && greatest < 1e-3 {
		return func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	}
	decimals := 0
	if !whole {
		most := 5
		if greatest >= 1 {
			most = max(5-int(math.Log10(greatest)), 1)
		}
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			s := strings.TrimRight(strconv.FormatFloat(v, 'f', most, 64), "0")
			if _, frac, ok := strings.Cut(s, "."); ok {
				decimals = max(decimals, len(frac))
			}
		}
	}
	return func(v float64) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
}

func (t Table) rowName(r int) string {
	if t.RowName != nil {
		return short(t.RowName(r))
	}
	return strconv.Itoa(r)
}

func (t Table) foot() string {
	shape := ""
	if !t.NoShape {
		shape = fmt.Sprintf("%s × %s", count(t.Rows, "row"), count(len(t.Columns), "column"))
	}
	if t.Caption != "" && shape != "" {
		return t.Caption + " · " + shape
	}
	return t.Caption + shape
}

// HTML is the table for a notebook; the front end's own style for tables applies.
func (t Table) HTML() string {
	v := t.view()
	const left = ` style="text-align:left"`
	var b strings.Builder
	b.WriteString("<div style=\"overflow-x:auto\"><table class=\"dataframe\" style=\"text-align:right\">\n<thead><tr><th></th>")
	typed := false
	for _, c := range v.cols {
		if c == gap {
			b.WriteString("<th>…</th>")
			continue
		}
		typed = typed || t.Columns[c].Type != ""
		fmt.Fprintf(&b, "<th%s>%s</th>", when(t.Columns[c].Left, left), html.EscapeString(short(t.Columns[c].Name)))
	}
	b.WriteString("</tr>\n")
	if typed {
		b.WriteString("<tr><th></th>")
		for _, c := range v.cols {
			if c == gap {
				b.WriteString("<th></th>")
				continue
			}
			align := when(t.Columns[c].Left, "text-align:left;")
			fmt.Fprintf(&b, `<th style="%sfont-weight:normal;opacity:.6">%s</th>`, align, html.EscapeString(t.Columns[c].Type))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</thead>\n<tbody>\n")
	for k, r := range v.rows {
		if r == gap {
			b.WriteString("<tr><th>⋮</th>" + strings.Repeat("<td>⋮</td>", len(v.cols)) + "</tr>\n")
			continue
		}
		b.WriteString("<tr><th>" + html.EscapeString(t.rowName(r)) + "</th>")
		for i, c := range v.cols {
			if c == gap {
				b.WriteString("<td>…</td>")
				continue
			}
			x := v.cells[i][k]
			switch align := t.Columns[c].Left; {
			case x.missing:
				fmt.Fprintf(&b, `<td style="%sopacity:.45" title="missing">%s</td>`, when(align, "text-align:left;"), missing)
			default:
				fmt.Fprintf(&b, "<td%s>%s</td>", when(align, left), html.EscapeString(x.text))
			}
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table></div>")
	if foot := t.foot(); foot != "" {
		b.WriteString(`<div style="opacity:.7;font-size:90%">` + html.EscapeString(foot) + "</div>")
	}
	return b.String()
}

// Text is the table in plain text, columns aligned.
func (t Table) Text() string {
	v := t.view()
	lines := make([]strings.Builder, len(v.rows)+1)
	add := func(column []string, right bool) {
		width := 0
		for _, s := range column {
			width = max(width, Width(s))
		}
		for i, s := range column {
			pad := strings.Repeat(" ", width-Width(s))
			if lines[i].Len() > 0 {
				lines[i].WriteString("  ")
			}
			if right {
				lines[i].WriteString(pad + s)
			} else {
				lines[i].WriteString(s + pad)
			}
		}
	}
	names := []string{" "}
	for _, r := range v.rows {
		if r == gap {
			names = append(names, "…")
		} else {
			names = append(names, oneLine(t.rowName(r)))
		}
	}
	add(names, true)
	for i, c := range v.cols {
		column := make([]string, 1, len(v.rows)+1)
		if c == gap {
			column[0] = "…"
		} else {
			column[0] = oneLine(short(t.Columns[c].Name))
		}
		for k, r := range v.rows {
			switch {
			case r == gap || c == gap:
				column = append(column, "…")
			case v.cells[i][k].missing:
				column = append(column, missing)
			default:
				column = append(column, oneLine(v.cells[i][k].text))
			}
		}
		add(column, c == gap || !t.Columns[c].Left)
	}
	var b strings.Builder
	for i := range lines {
		b.WriteString(strings.TrimRight(lines[i].String(), " ") + "\n")
	}
	return strings.TrimRight(b.String()+t.foot(), "\n")
}

// Width is how many columns of a terminal s takes: wide characters take two.
func Width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
			r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60,
			r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
			n += 2
		case r >= 0x300 && r <= 0x36F, r == 0x200B, r == 0x200D, r >= 0xFE00 && r <= 0xFE0F:
		default:
			n++
		}
	}
	return n
}

func short(s string) string {
	if len(s) <= cellRunes {
		return strings.ToValidUTF8(s, "�")
	}
	n := 0
	for i := range s {
		if n == cellRunes-1 {
			return strings.ToValidUTF8(s[:i], "�") + "…"
		}
		n++
	}
	return strings.ToValidUTF8(s, "�")
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

func count(n int, what string) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n == 1 {
		return s + " " + what
	}
	return s + " " + what + "s"
}

func when(ok bool, s string) string {
	if ok {
		return s
	}
	return ""
}
