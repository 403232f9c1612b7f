package cell

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

// sourceFile is a file of a package, read to show what it says.
type sourceFile struct {
	fset *token.FileSet
	ast  *ast.File
	text []byte
}

// readFile reads a file of Go; nil if that can't be.
func readFile(name string) *sourceFile {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return parseFile(name, text)
}

func parseFile(name string, text []byte) *sourceFile {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	return &sourceFile{fset, f, text}
}

// declaration is the text of one declaration.
type declaration struct {
	decl   string // without comment, function body, and what a type does not export
	doc    string // the text of the comment
	source string // all of it
}

// declaration finds the declaration of a name: of a function, method, type, constant, variable or field. It is nil if
// there is none in the file.
func (f *sourceFile) declaration(is func(*ast.Ident) bool) *declaration {
	var found *declaration
	cut := func(n ast.Node, docs ...*ast.CommentGroup) *declaration {
		d := &declaration{}
		from, to := n.Pos(), n.End()
		for _, doc := range docs {
			if doc == nil {
				continue
			}
			d.doc = doc.Text()
			if doc.Pos() < from {
				from = doc.Pos()
			}
			break
		}
		d.source = f.between(from, to)
		d.decl = f.between(n.Pos(), n.End())
		return d
	}
	oneOf := func(ids []*ast.Ident) bool {
		for _, id := range ids {
			if is(id) {
				return true
			}
		}
		return false
	}
	var group *ast.GenDecl
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if found != nil {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncDecl:
			if is(n.Name) {
				found = cut(n, n.Doc)
				found.decl = signature(f.between(n.Pos(), n.End()))
			}
			return false
		case *ast.GenDecl:
			group = n
		case *ast.TypeSpec:
			if is(n.Name) {
				var whole ast.Node = n
				if !group.Lparen.IsValid() {
					whole = group
				}
				found = cut(whole, n.Doc, group.Doc)
				if whole == n {
					found.source = "type " + strings.TrimPrefix(found.source, "type ")
				}
				found.decl = f.exported(n)
				return false
			}
		case *ast.ValueSpec:
			if oneOf(n.Names) {
				var whole ast.Node = n
				if !group.Lparen.IsValid() {
					whole = group
				}
				found = cut(whole, n.Doc, n.Comment, group.Doc)
				return false
			}
		case *ast.Field:
			if oneOf(n.Names) || len(n.Names) == 0 && is(lastName(n.Type)) {
				found = cut(n, n.Doc, n.Comment)
				return false
			}
		}
		return true
	})
	return found
}

// lastName is the name of an embedded field.
func lastName(x ast.Expr) *ast.Ident {
	switch x := x.(type) {
	case *ast.StarExpr:
		return lastName(x.X)
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.IndexExpr:
		return lastName(x.X)
	case *ast.Ident:
		return x
	}
	return ast.NewIdent("_")
}

func (f *sourceFile) between(from, to token.Pos) string {
	file := f.fset.File(from)
	return string(f.text[file.Offset(from):file.Offset(to)])
}

// exported writes a type without the fields and methods that it does not export, as go doc does.
func (f *sourceFile) exported(n *ast.TypeSpec) string {
	d := &ast.GenDecl{Tok: token.TYPE, Specs: []ast.Spec{n}}
	if n.Name.IsExported() {
		ast.FilterDecl(d, ast.IsExported)
	}
	n.Doc, n.Comment = nil, nil
	var b bytes.Buffer
	if err := format.Node(&b, f.fset, d); err != nil {
		return "type " + n.Name.Name
	}
	return b.String()
}

// signature is the text of a function without its body.
func signature(text string) string {
	const head = "package p\n"
	f := parseFile("", []byte(head+text))
	if f == nil || len(f.ast.Decls) != 1 {
		return text
	}
	fd, ok := f.ast.Decls[0].(*ast.FuncDecl)
	if !ok || fd.Body == nil {
		return text
	}
	return strings.TrimSpace(f.between(fd.Pos(), fd.Body.Lbrace))
}
