package session

import (
	"fmt"
	"go/scanner"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"golab/kernel/internal/cell"
)

// Of an excerpt: how many lines stand around the one in question, and how many columns of a long one are shown.
const (
	aroundLines  = 2
	maxColumns   = 110
	leftOfMark   = 60
	tabWidth     = 4
	gutter       = "        | "
	markedGutter = "> %5d | "
	plainGutter  = "  %5d | "
)

// excerpt is line n of a cell with those around it. From start to end, byte offsets into the text, it is underlined, with a
// caret at offset; it is not if offset < 0.
func excerpt(src *cell.Source, n, offset, start, end int) []string {
	var out []string
	lines := strings.Split(src.Shown(), "\n")
	if n < 1 || n > len(lines) { // a //line comment may have said so
		return nil
	}
	first := max(1, n-aroundLines)
	last := min(len(lines), n+aroundLines)
	for first < n && strings.TrimSpace(lines[first-1]) == "" {
		first++
	}
	for last > n && strings.TrimSpace(lines[last-1]) == "" {
		last--
	}
	for i := first; i <= last; i++ {
		line := strings.TrimRight(lines[i-1], "\r")
		if i != n {
			out = append(out, dim(fmt.Sprintf(plainGutter, i)+window(columns(line), 0)))
			continue
		}
		if offset < 0 {
			out = append(out, dim(fmt.Sprintf(markedGutter, i))+window(columns(line), 0))
			continue
		}
		offset = min(offset, len(src.Text))
		begin := offset - column(src, offset) + 1 // of the line
		at := len(columns(line[:min(offset-begin, len(line))]))
		from, to := at, at+1
		if start < end {
			from = len(columns(line[:max(0, min(start-begin, len(line)))]))
			to = max(at+1, len(columns(line[:min(max(0, end-begin), len(line))])))
		}
		all := columns(line)
		shift := 0
		if len(all) > maxColumns && at > leftOfMark {
			shift = at - leftOfMark
		}
		out = append(out, dim(fmt.Sprintf(markedGutter, i))+window(all, shift))
		from, to = max(from-shift, 0), min(to-shift, maxColumns)
		mark := strings.Repeat("~", max(0, at-shift-from)) + "^" + strings.Repeat("~", max(0, to-(at-shift)-1))
		out = append(out, dim(gutter)+strings.Repeat(" ", from)+red(mark))
	}
	return out
}

func column(src *cell.Source, offset int) int {
	_, col := src.Position(offset)
	return col
}

// columns is the text of a line by the columns of the screen: a wide character has an empty one behind it, a combining one
// stands with that before it, a tab is spaces. What is no character for the screen is shown as one.
func columns(line string) []string {
	var out []string
	for _, r := range line {
		switch {
		case r == '\t':
			for range tabWidth {
				out = append(out, " ")
			}
		case r == utf8.RuneError || unicode.Is(unicode.Cc, r):
			out = append(out, "\uFFFD")
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf): // combining marks, joiners
			if len(out) == 0 {
				out = append(out, " ")
			}
			i := len(out) - 1
			for i > 0 && out[i] == "" {
				i--
			}
			out[i] += string(r)
		default:
			out = append(out, string(r))
			if wide(r) {
				out = append(out, "")
			}
		}
	}
	return out
}

// wide reports whether r takes two columns: by Unicode's East Asian Width, which calls most emoji wide, too.
func wide(r rune) bool {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return true
	}
	return false
}

// window is the part of a line that is shown, from column shift on.
func window(cols []string, shift int) string {
	end := min(len(cols), shift+maxColumns)
	part := append([]string(nil), cols[shift:end]...)
	if shift > 0 && len(part) > 0 {
		part[0] = "…"
		if len(part) > 1 && part[1] == "" {
			part[1] = " "
		}
	}
	if end < len(cols) && len(part) > 0 {
		if n := len(part) - 1; part[n] == "" { // of a wide one
			part[n-1], part[n] = " ", "…"
		} else {
			part[n] = "…"
		}
	}
	return strings.Join(part, "")
}

// tokenAt is the range of the word or literal at a byte offset of a cell; that of one character if there is neither.
func tokenAt(src *cell.Source, offset int) (start, end int) {
	if offset < 0 || offset >= len(src.Text) {
		return offset, offset + 1
	}
	text := src.Text[offset:]
	line, _, _ := strings.Cut(text, "\n")
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(line)), []byte(line), nil, 0)
	pos, tok, lit := s.Scan()
	if int(pos) != 1 || lit == "" || lit == "\n" || !tok.IsLiteral() && !tok.IsKeyword() {
		return offset, offset + 1
	}
	return offset, offset + min(len(lit), len(line))
}
