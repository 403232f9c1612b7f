package cell

import (
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Complete says whether code can be run as it is, as Jupyter's is_complete_request asks: "complete", "incomplete" (then
// with what the next line starts with) or "invalid".
func Complete(code string) (status, indent string) {
	if strings.TrimSpace(code) == "" {
		return "complete", ""
	}
	src := &Source{Text: code}
	depth, open := nesting(code)
	if open || depth > 0 {
		return "incomplete", strings.Repeat("\t", max(depth, 0))
	}
	if depth < 0 {
		return "invalid", ""
	}
	b := newBuilder(New(), src, noPackages{})
	b.read()
	if len(b.errs) == 0 {
		return "complete", ""
	}
	// More text mends only what is missing at the end, not what is wrong before it.
	first := slices.MinFunc(b.errs, func(a, b *Error) int { return a.Offset - b.Offset })
	if strings.HasSuffix(first.Msg, "found the end of the statement") || first.Offset >= len(strings.TrimRight(code, " \t\n")) {
		return "incomplete", ""
	}
	return "invalid", ""
}

// nesting is how many brackets are open at the end of code, and whether a string, comment or operator is.
func nesting(code string) (depth int, open bool) {
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(code)), []byte(code), func(_ token.Position, msg string) {
		if strings.Contains(msg, "raw string literal not terminated") || strings.Contains(msg, "comment not terminated") {
			open = true
		}
	}, 0)
	var last token.Token
	for {
		_, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return depth, open || last.IsOperator() && last != token.RPAREN && last != token.RBRACK && last != token.RBRACE &&
				last != token.INC && last != token.DEC && last != token.SEMICOLON && last != token.ILLEGAL
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth--; depth < 0 {
				return depth, false
			}
		}
		if tok != token.SEMICOLON || lit == ";" {
			last = tok
		}
	}
}

// noPackages is where there are none to import.
type noPackages struct{}

func (noPackages) Import(path string) (*types.Package, error) {
	return types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:]), nil
}

func (noPackages) Candidates(string) []string        { return nil }
func (noPackages) Known() map[string]string          { return nil }
func (noPackages) Shared(string) (bool, bool)        { return false, false }
func (noPackages) Position(token.Pos) token.Position { return token.Position{} }
