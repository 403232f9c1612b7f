package cell

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// Question is a cell that asks about something instead of running: `x?`, `?x`, or `x??`, which asks for the source too.
type Question struct {
	Text   string // what is asked about: an expression, a keyword, or a command with its percent sign; "" for help in general
	Detail int    // 1 for two question marks
}

// AsQuestion reports whether the cell's text asks about something. Go has no question mark outside of text, so no Go that
// could be run is one. In the shell there are some: `!ls ?` is no question.
func AsQuestion(text string) (q Question, ok bool) {
	var line string
	for l := range strings.Lines(text) {
		switch l = strings.TrimSpace(l); {
		case l == "" || strings.HasPrefix(l, "//"):
		case line != "":
			return q, false
		default:
			line = l
		}
	}
	marks := 0
	trim := func(cut func(string, string) (string, bool)) {
		for marks < 2 {
			rest, found := cut(line, "?")
			if !found {
				return
			}
			line, marks = strings.TrimSpace(rest), marks+1
		}
	}
	trim(strings.CutPrefix)
	if marks == 0 {
		trim(strings.CutSuffix)
	}
	if marks == 0 || strings.Contains(line, "?") {
		return q, false
	}
	q = Question{Text: line, Detail: marks - 1}
	if line == "" {
		return q, true
	}
	if strings.HasPrefix(line, "%") {
		return q, len(strings.Fields(line)) == 1
	}
	if token.IsKeyword(line) {
		return q, true
	}
	x, err := parser.ParseExpr(line)
	return q, err == nil && asked(x) != nil
}

// asked is the name at the end of x that can be looked up; nil if there is none.
func asked(x ast.Expr) *ast.Ident {
	switch x := x.(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.StarExpr:
		return asked(x.X)
	case *ast.ParenExpr:
		return asked(x.X)
	case *ast.IndexExpr:
		return asked(x.X)
	case *ast.CallExpr:
		return asked(x.Fun)
	}
	return nil
}

// Cursor is the offset in q.Text of the name that is asked about.
func (q Question) Cursor() int {
	if x, err := parser.ParseExpr(q.Text); err == nil {
		if id := asked(x); id != nil {
			return int(id.Pos()) - 1
		}
	}
	return len(q.Text)
}
