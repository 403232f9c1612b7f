package cell

import (
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// ImportPaths lists the packages that a cell imports by name, as far as its import declarations can be read.
func ImportPaths(src *Source) []string {
	if !strings.Contains(src.Text, "import") {
		return nil
	}
	chunks, _ := split(src)
	var paths []string
	for _, c := range chunks {
		if c.tok != token.IMPORT {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p;"+src.Text[c.start:c.end], parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, spec := range f.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// DefinedFlags lists the command-line flags that a cell seems to define, by calls of package flag that name them literally.
func DefinedFlags(code string) []string {
	if !strings.Contains(code, "flag.") {
		return nil
	}
	var toks []token.Token
	var lits []string
	scan(code, func(_ int, tok token.Token, lit string) {
		toks, lits = append(toks, tok), append(lits, lit)
	}, func(string) {})
	var names []string
	for i := 0; i+4 < len(toks); i++ {
		if toks[i] != token.IDENT || lits[i] != "flag" || toks[i+1] != token.PERIOD || toks[i+2] != token.IDENT || toks[i+3] != token.LPAREN {
			continue
		}
		depth := 0
	call: // the name is the first or, behind a pointer or Value, the second argument
		for j := i + 4; j < len(toks); j++ {
			switch toks[j] {
			case token.LPAREN, token.LBRACE, token.LBRACK:
				depth++
			case token.RPAREN, token.RBRACE, token.RBRACK:
				if depth--; depth < 0 {
					break call
				}
			case token.STRING:
				if name, err := strconv.Unquote(lits[j]); err == nil && depth == 0 {
					names = append(names, name)
					break call
				}
			}
		}
	}
	return names
}

// IsExpression reports whether code is one expression.
func IsExpression(code string) bool {
	_, err := parser.ParseExpr(code)
	return err == nil
}

// Remove forgets what name means, or the method "T.M", and says what that was: "variable", "function", …; empty if it is
// nothing. Code that has been loaded goes on with it. gen is a generation that has not run yet.
func (s *State) Remove(name string, gen int) string {
	if recv, method, ok := strings.Cut(name, "."); ok {
		if s.methods[recv][method] == nil {
			return ""
		}
		delete(s.methods[recv], method)
		s.changed[recv] = gen
		return "method"
	}
	kind := s.Kind(name)
	if kind == "" {
		return ""
	}
	s.remove(name)
	if kind == "type" {
		delete(s.methods, name)
	}
	s.changed[name] = gen
	return kind
}

// Methods lists the methods that cells declared, as "T.M".
func (s *State) Methods() []string {
	var list []string
	for recv, ms := range s.methods {
		for m := range ms {
			list = append(list, recv+"."+m)
		}
	}
	slices.Sort(list)
	return list
}

// ImportPath is the path of a package that a cell imported under that name.
func (s *State) ImportPath(name string) string { return s.imports[name] }
