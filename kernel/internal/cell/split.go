package cell

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// chunk is a top-level piece of a cell: one declaration or one statement.
type chunk struct {
	tok        token.Token // PACKAGE, IMPORT, CONST, TYPE, VAR, FUNC, or ILLEGAL for a statement
	start, end int         // without trailing comment or semicolon
	semi       bool        // an explicit ';' follows
	block      bool        // the body of a `%%` cell
}

// split cuts a cell into its top-level pieces by looking at tokens only. What stands behind a line `%%` is one piece: the
// body of a function, as in GoNB. Text that is no Go ends up in some piece, whose parse error then says so.
func split(src *Source) ([]chunk, Errors) {
	if src.Timed != nil {
		return []chunk{{tok: token.ILLEGAL, start: 0, end: len(src.Text), semi: true, block: true}}, nil
	}
	body, block := src.Text, -1
	if i := blockLine(body); i >= 0 {
		block = i + strings.IndexByte(body[i:]+"\n", '\n')
		body = body[:i]
	}
	var errs Errors
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(body))
	var s scanner.Scanner
	s.Init(file, []byte(body), func(p token.Position, msg string) {
		errs = append(errs, &Error{Source: src, Offset: p.Offset, Msg: msg})
	}, 0)

	var chunks []chunk
	var toks []token.Token // of the current piece, as many as decide what it is
	cur := chunk{start: -1}
	depth := 0
	var h header
	for {
		pos, tok, lit := s.Scan()
		off := len(body)
		if pos.IsValid() {
			off = min(file.Offset(pos), len(body))
		}
		if tok == token.EOF || tok == token.SEMICOLON && depth == 0 && !(lit == ";" && h.open) {
			if cur.start >= 0 {
				cur.tok = kindOf(toks)
				cur.semi = tok == token.SEMICOLON && lit == ";"
				chunks = append(chunks, cur)
			}
			cur, toks, depth, h = chunk{start: -1}, toks[:0], 0, header{}
			if tok == token.EOF {
				break
			}
			continue
		}
		if cur.start < 0 {
			cur.start = off
		}
		if depth == 0 {
			h.see(tok)
		}
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth--; depth < 0 {
				errs = append(errs, &Error{Source: src, Offset: off, Msg: "unexpected " + tok.String() + ": nothing before it opens it"})
				depth = 0
			}
		}
		if len(toks) < 256 {
			toks = append(toks, tok)
		}
		if tok.IsLiteral() {
			off += len(lit)
		} else {
			off += len(tok.String())
		}
		cur.end = min(off, len(body))
	}
	if block >= 0 && block < len(src.Text) {
		chunks = append(chunks, chunk{tok: token.ILLEGAL, start: block, end: len(src.Text), semi: true, block: true})
	}
	return chunks, errs
}

// unclosed is the offset of the innermost bracket that is still open at the end of code; -1 if there is none.
func unclosed(code string) int {
	var open []int
	scan(code, func(off int, tok token.Token, _ string) {
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			open = append(open, off)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}, func(string) {})
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

// header follows the tokens outside brackets to know when they are between `for`, `if` or `switch` and its body: a
// semicolon there ends no statement.
type header struct {
	open   bool
	braces int // to come that belong to function literals or types in the header
}

func (h *header) see(tok token.Token) {
	switch tok {
	case token.FOR, token.IF, token.SWITCH:
		h.open, h.braces = true, 0
	case token.FUNC, token.STRUCT, token.INTERFACE:
		if h.open {
			h.braces++
		}
	case token.LBRACE:
		if h.braces > 0 {
			h.braces--
		} else {
			h.open = false
		}
	}
}

// blockLine is the offset of the line that begins a block; -1 if there is none. [CutCommands] leaves only `%%` of it.
func blockLine(s string) int {
	if !strings.Contains(s, "%%") {
		return -1
	}
	return findCommand(s, 0, func(line string) bool { return strings.TrimRight(line, " \t\r") == "%%" })
}

// opensBlock and closesBlock are what stands around a block when it is checked.
func (s *Source) opensBlock() string {
	switch {
	case s.Timed == nil:
		return "func() {"
	case s.Timed.Value:
		return "func(ʼn int) {for range ʼn {_ = "
	}
	return "func(ʼn int) {for range ʼn {"
}

func (s *Source) closesBlock() string {
	if s.Timed == nil {
		return "\n}()"
	}
	return "\n}}(1)"
}

// block is a block as the worker runs it. That of a `%%` line begins like a program, with its flags.
func (s *Source) block(code string) string {
	t := s.Timed
	if t == nil {
		return "func() {ʼl.ParseFlags();" + code + "\n}()"
	}
	loop := code + "\n"
	if t.Value {
		loop = "ʼk := " + code + "\nʼl.Keep(ʼk)"
	}
	return fmt.Sprintf("ʼl.Timeit(%d, %d, func(ʼn int) {for range ʼn {%s%s}})", t.Loops, t.Runs, check, loop)
}

// kindOf tells a declaration from a statement by its first tokens.
func kindOf(toks []token.Token) token.Token {
	switch toks[0] {
	case token.IMPORT, token.CONST, token.TYPE, token.VAR, token.PACKAGE:
		return toks[0]
	case token.FUNC:
		if len(toks) > 1 && toks[1] == token.IDENT {
			return token.FUNC
		}
		// func (…) name( is a method; any other func ( is a function literal
		depth := 0
		for i, t := range toks[1:] {
			switch t {
			case token.LPAREN:
				depth++
			case token.RPAREN:
				if depth--; depth == 0 {
					rest := toks[i+2:]
					if len(rest) > 1 && rest[0] == token.IDENT && rest[1] == token.LPAREN {
						return token.FUNC
					}
					return token.ILLEGAL
				}
			}
		}
	}
	return token.ILLEGAL
}

// parse reads t as a Go file. Its errors name places in cells.
func (a *atlas) parse(t *text) (*ast.File, Errors) {
	src := t.buf.String()
	f, err := parser.ParseFile(a.fset, "", src, parser.AllErrors)
	var tf *token.File
	if f != nil {
		tf = a.fset.File(f.FileStart)
	}
	if tf != nil {
		a.texts[tf] = t
	}
	list, ok := err.(scanner.ErrorList)
	if !ok {
		return f, nil
	}
	var errs Errors
	for _, e := range list {
		s, off := t.origin(e.Pos.Offset)
		if s == nil {
			continue
		}
		errs = append(errs, &Error{Source: s, Offset: off, Msg: t.userMessage(e.Msg, e.Pos.Offset)})
	}
	return f, errs
}

// userMessage is a parser's message without what it says of text that the user did not type.
func (t *text) userMessage(msg string, at int) string {
	before, _, found := strings.Cut(msg, ", found ")
	if found && !t.typed(at) {
		return before + ", found the end of the statement"
	}
	return strings.TrimSpace(msg)
}
