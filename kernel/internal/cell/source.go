// Package cell turns the text of notebook cells into Go packages: it splits a cell into declarations and statements,
// finds out what they reach of the session, checks all of it with go/types, and writes the source of one generation (see
// docs/how-it-works.md). It knows neither how that source is compiled nor how it is run.
package cell

import (
	"fmt"
	"go/token"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Source is the Go code of one cell as the user typed it.
type Source struct {
	Name string // "cell[3]": how errors call it
	Gen  int    // the generation that runs it, unique in the session
	Text string // without commands, see [CutCommands]
	// Typed is the cell with its commands, as long as Text; empty if there are none.
	Typed string
	// Debug writes the generation for a debugger: what stands behind it one can step through, and see.
	Debug bool
	// Timed has the text measured instead of run; nil for all other cells.
	Timed *Timed

	once sync.Once
	code string
}

// Timed is how the text of a `%timeit` is measured: it is the body of a loop.
type Timed struct {
	Loops, Runs int  // of live.Timeit
	Value       bool // it is one expression, whose value is kept
}

// quiet is the text as it is compiled, see the function of that name.
func (s *Source) quiet() string {
	s.once.Do(func() { s.code = quiet(s.Text) })
	return s.code
}

// Position is the place of a byte offset in s: line and column count from 1, columns in bytes as go/token has them.
func (s *Source) Position(offset int) (line, col int) {
	offset = min(max(offset, 0), len(s.Text))
	before := s.Text[:offset]
	return strings.Count(before, "\n") + 1, offset - strings.LastIndexByte(before, '\n')
}

// Line is the text of line n, counted from 1.
func (s *Source) Line(n int) string { return line(s.Text, n) }

// Shown is the text to quote to the user; its places are those of Text.
func (s *Source) Shown() string {
	if len(s.Typed) == len(s.Text) {
		return s.Typed
	}
	return s.Text
}

// ShownLine is line n of what is shown.
func (s *Source) ShownLine(n int) string { return line(s.Shown(), n) }

func line(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// Error is what is wrong with a cell, and where.
type Error struct {
	Source *Source
	Offset int
	// Start and End are the part of the text that it is about, with Offset in it; both 0 if that is not known.
	Start, End int
	Msg        string
	Hint       string // what to do about it; may be empty

	pos token.Pos
}

func (e *Error) Error() string {
	line, col := e.Source.Position(e.Offset)
	return fmt.Sprintf("%s:%d:%d: %s", e.Source.Name, line, col, e.Msg)
}

// Errors is one or more errors, in the order of their places.
type Errors []*Error

func (l Errors) Error() string {
	var b strings.Builder
	for i, e := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// sorted drops what is said twice and orders by place, the running cell's own errors first.
func (l Errors) sorted(own *Source) Errors {
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i], l[j]
		if (a.Source == own) != (b.Source == own) {
			return a.Source == own
		}
		if a.Source != b.Source {
			return a.Source.Gen < b.Source.Gen
		}
		return a.Offset < b.Offset
	})
	var out Errors
	for _, e := range l {
		if n := len(out); n > 0 && out[n-1].Source == e.Source && out[n-1].Offset == e.Offset {
			continue
		}
		out = append(out, e)
	}
	return out
}

// text is Go source assembled from pieces of cells and of our own, which remembers where each piece comes from.
type text struct {
	buf  strings.Builder
	segs []seg
}

type seg struct {
	at, len int // in the assembled text
	src     *Source
	off     int // in src
}

func (t *text) lit(s string) { t.buf.WriteString(s) }

func (t *text) add(src *Source, start, end int) {
	t.segs = append(t.segs, seg{t.buf.Len(), end - start, src, start})
	t.buf.WriteString(src.quiet()[start:end])
}

// typed reports whether an offset of the assembled text is in a piece of a cell.
func (t *text) typed(at int) bool {
	return slices.ContainsFunc(t.segs, func(s seg) bool { return s.at <= at && at < s.at+s.len })
}

// origin maps an offset of the assembled text back: to the nearest cell text where the offset is in a piece of ours.
func (t *text) origin(at int) (*Source, int) {
	i := sort.Search(len(t.segs), func(i int) bool { return t.segs[i].at > at }) - 1
	if i < 0 {
		if len(t.segs) == 0 {
			return nil, 0
		}
		return t.segs[0].src, t.segs[0].off
	}
	s := t.segs[i]
	return s.src, s.off + min(at-s.at, s.len)
}

// atlas maps the positions of a file set back to cells.
type atlas struct {
	fset  *token.FileSet
	texts map[*token.File]*text
}

func newAtlas() *atlas { return &atlas{token.NewFileSet(), map[*token.File]*text{}} }

// place is the cell and offset of pos; nil if pos is in no cell's text.
func (a *atlas) place(pos token.Pos) (*Source, int) {
	f := a.fset.File(pos)
	if f == nil || a.texts[f] == nil {
		return nil, 0
	}
	return a.texts[f].origin(f.Offset(pos))
}
