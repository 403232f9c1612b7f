package cell

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"strings"
)

// hole is the identifier that stands in for what is still to be typed.
const hole = "ʼ"

// glance is a look at the types around one place of a cell that is being typed and need be no Go yet.
type glance struct {
	b     *builder
	pass  *pass
	path  []ast.Node // from the file down to the identifier
	ident *ast.Ident
}

// look checks as much of text as can be checked and finds the identifier at offset mark; nil if there is none. The
// piece of text in which that stands may have errors, and others that have are left out.
func (s *State) look(text string, mark int, pkgs Packages) *glance {
	b := newBuilder(s, &Source{Name: "this cell", Text: text, Gen: 1 << 30}, pkgs)
	b.mark = mark
	b.read()
	b.order()
	b.atlas = newAtlas()
	b.reach()
	files, _ := b.declFiles()
	body, bodyText, starts, _ := b.bodyFile()
	g := &glance{b: b}
	inBody := g.find(body)

	bodies := stripBodies(files)
	asts := []*ast.File{body}
	for _, f := range files {
		asts = append(asts, f.ast)
	}
	p1, gone := b.run(asts, b.old)
	for len(gone) > 0 {
		for _, n := range gone {
			delete(b.old, n)
		}
		p1, gone = b.run(asts, b.old)
	}
	restoreBodies(bodies)
	if inBody {
		g.pass = p1
		return g
	}
	for _, f := range files {
		if f.src != b.src || !g.find(f.ast) {
			continue
		}
		e := &emitter{b: b, files: files, body: body, bodyText: bodyText, starts: starts, p1: p1}
		e.newVars()
		g.pass, _ = b.run(asts[1:], e.inFunctions())
		return g
	}
	return nil
}

// find looks for the identifier at the mark in f.
func (g *glance) find(f *ast.File) bool {
	file := g.b.atlas.fset.File(f.FileStart)
	text := g.b.atlas.texts[file]
	var path []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		path = append(path, n)
		if id, ok := n.(*ast.Ident); ok && g.ident == nil && text.typed(file.Offset(id.Pos())) {
			if src, off := g.b.atlas.place(id.Pos()); src == g.b.src && off <= g.b.mark && g.b.mark < off+len(id.Name) {
				g.ident, g.path = id, append([]ast.Node(nil), path...)
			}
		}
		return true
	})
	return g.ident != nil
}

// parent is the node n levels above the identifier; nil if there is none.
func (g *glance) parent(n int) ast.Node {
	if n >= len(g.path) {
		return nil
	}
	return g.path[len(g.path)-1-n]
}

// scopes calls f for what the identifier can see inside its function, the innermost first.
func (g *glance) scopes(f func(types.Object)) {
	pos := g.ident.Pos()
	for s := g.pass.pkg.Scope().Innermost(pos); s != nil && s != types.Universe; s = s.Parent() {
		for _, n := range s.Names() {
			if o := s.Lookup(n); s == g.pass.pkg.Scope() || o.Parent() == s && (o.Pos() < pos || o.Pos() == token.NoPos) {
				f(o)
			}
		}
	}
}

// spot is where the cursor stands in the tokens of a cell.
type spot struct {
	start   int    // of the identifier that ends at the cursor, or the cursor
	prefix  string // that identifier
	text    bool   // in a comment, a number or a string
	imports bool   // in a string that is an import path; prefix is its beginning
	quote   byte   // the quote that opened the string in which the cursor stands; or 0
	member  bool   // behind a dot
}

// spotAt reads the tokens before the cursor.
func spotAt(code string, cursor int) spot {
	code = code[:cursor]
	at := spot{start: cursor}
	open := false
	var toks []token.Token
	scan(code, func(off int, tok token.Token, lit string) {
		toks = append(toks, tok)
		at = spot{start: cursor}
		switch end := off + len(lit); {
		case tok == token.COMMENT:
			at.text = end == cursor && (lit[1] == '/' || open)
		case tok == token.STRING && open:
			at.text, at.imports = true, importing(toks[:len(toks)-1])
			at.start, at.prefix, at.quote = off+1, lit[1:], lit[0]
		case tok.IsLiteral() && tok != token.IDENT:
			at.text = end == cursor
		case (tok == token.IDENT || tok.IsKeyword()) && end == cursor:
			at.start, at.prefix = off, lit
		case tok == token.SEMICOLON && lit != ";":
			toks = toks[:len(toks)-1]
		}
		open = false
	}, func(msg string) { open = open || strings.Contains(msg, "not terminated") })
	n := len(toks)
	if at.text {
		return at
	}
	if at.prefix != "" {
		n--
	}
	at.member = n > 0 && toks[n-1] == token.PERIOD
	return at
}

// Quoted is the beginning, up to the cursor, of the string literal in which that stands, without its quote, and that quote;
// 0 if the cursor is in no string or in the path of an import.
func Quoted(code string, cursor int) (text string, quote byte) {
	at := spotAt(code, min(max(cursor, 0), len(code)))
	if at.imports {
		return "", 0
	}
	return at.prefix, at.quote
}

// InImport reports whether the cursor stands in the path of an import.
func InImport(code string, cursor int) bool {
	return spotAt(code, min(max(cursor, 0), len(code))).imports
}

// importing reports whether a string behind toks is an import path.
func importing(toks []token.Token) bool {
	for i := len(toks) - 1; i >= 0; i-- {
		switch toks[i] {
		case token.IMPORT:
			return true
		case token.STRING, token.IDENT, token.PERIOD, token.LPAREN, token.SEMICOLON:
		default:
			return false
		}
	}
	return false
}

// scan calls f for every token of code, comments and inserted semicolons included.
func scan(code string, f func(off int, tok token.Token, lit string), fail func(msg string)) {
	file := token.NewFileSet().AddFile("", -1, len(code))
	var s scanner.Scanner
	s.Init(file, []byte(code), func(_ token.Position, msg string) { fail(msg) }, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return
		}
		if tok == token.SEMICOLON && lit == "\n" && file.Offset(pos) >= len(code) {
			return
		}
		f(file.Offset(pos), tok, lit)
	}
}

// holed is code with a hole at the offset at, where the statement before it has been ended so that it parses, more or
// less. Of what follows it has the declarations; it may use what they declare.
func holed(code string, at int) string {
	before := code[:at]
	chunks, _ := split(&Source{Text: before + hole})
	if len(chunks) == 0 {
		return before
	}
	last := chunks[len(chunks)-1]
	start := min(last.start, at)
	out := before[:start] + finish(before[start:], last.tok == token.FUNC) + "\n"
	all := before + hole + code[at:]
	after, errs := split(&Source{Text: all})
	if len(errs) > 0 {
		return out
	}
	for _, c := range after {
		switch c.tok {
		case token.IMPORT, token.CONST, token.TYPE, token.FUNC:
			if c.start > at {
				out += all[c.start:c.end] + "\n"
			}
		}
	}
	return out
}

// finish adds to a piece of Go a hole and what closes all that it opens.
func finish(piece string, function bool) string {
	type bracket struct {
		close          string
		header         token.Token // `if`, `for`, …, of which the body has not begun
		assigns, semis int
	}
	var open []bracket
	text := []byte(piece)
	body := false
	scan(piece, func(off int, tok token.Token, lit string) {
		top := &bracket{}
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch tok {
		case token.GO, token.DEFER: // need a call behind them
			copy(text[off:], "     "[:len(lit)])
		case token.IF, token.FOR, token.SWITCH:
			open = append(open, bracket{header: tok})
		case token.ASSIGN, token.DEFINE:
			top.assigns++
		case token.RANGE:
			top.assigns = 0
		case token.SEMICOLON:
			if top.semis++; top.header != 0 && lit != ";" {
				open = open[:len(open)-1]
			}
		case token.LPAREN:
			open = append(open, bracket{close: ")"})
		case token.LBRACK:
			open = append(open, bracket{close: "]"})
		case token.LBRACE:
			body = body || len(open) == 0
			if top.header != 0 {
				*top = bracket{close: "}"}
			} else {
				open = append(open, bracket{close: "}"})
			}
		case token.RPAREN, token.RBRACK, token.RBRACE:
			for len(open) > 0 {
				closed := open[len(open)-1].close
				if open = open[:len(open)-1]; closed == tok.String() {
					break
				}
			}
		}
	}, func(string) {})
	out := string(text) + hole
	for i := len(open) - 1; i >= 0; i-- {
		b := open[i]
		switch {
		case b.header == token.FOR && b.semis+b.assigns > 0:
			out += strings.Repeat(";", max(2-b.semis, 0))
		case b.header != 0 && b.assigns > 0 && b.semis == 0:
			out += ";true"
		}
		if b.header != 0 {
			b.close = "{}"
		}
		out += b.close
	}
	if function && !body {
		out += "{}"
	}
	return out
}
