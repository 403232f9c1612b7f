package cell

import (
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// A function may call one that a later cell declares: until then it waits. It is compiled with a body that panics and says
// what is missing, and compiled again by the cell that declares it; as with every redefinition, earlier code then calls the
// new one.

// wait marks the functions in which errs lie as waiting, and reports whether that settles all errors: each must be about
// an undeclared name that is called in a function, and no statement of the cell may need that function.
func (b *builder) wait(errs Errors) bool {
	waits := map[*unit]Errors{}
	for _, e := range errs {
		name, ok := strings.CutPrefix(e.Msg, "undefined: ")
		if !ok || strings.Contains(name, ".") || !called(e) || b.similar(name) != "" || b.misfit[name] || b.state.lost[name] != "" {
			return false
		}
		u := b.function(e)
		if u == nil || b.waits[u] != nil {
			return false
		}
		waits[u] = append(waits[u], e)
	}
	for u := range b.reached() {
		if waits[u] != nil {
			return false
		}
	}
	maps.Copy(b.waits, waits)
	return len(waits) > 0
}

// awaited is the errors of a cell whose statements need a function that waits.
func (b *builder) awaited() (errs Errors) {
	for u := range b.reached() {
		for _, e := range b.waits[u] {
			errs = append(errs, &Error{Source: e.Source, Offset: e.Offset, Start: e.Start, End: e.End, Msg: e.Msg, Hint: "a cell that declares it has to run before " + u.key() + " can be called"})
		}
	}
	return errs
}

// called reports whether the name at e stands before an argument list.
func called(e *Error) bool {
	var s scanner.Scanner
	code := []byte(e.Source.Text[e.Offset:])
	s.Init(token.NewFileSet().AddFile("", -1, len(code)), code, func(token.Position, string) {}, 0)
	_, name, _ := s.Scan()
	_, open, _ := s.Scan()
	return name == token.IDENT && open == token.LPAREN
}

// function is the function or method, of this cell or an earlier one, in which e lies.
func (b *builder) function(e *Error) *unit {
	for _, u := range b.funcs {
		if u.holds(e) && (u.kind == kindFunc || u.kind == kindMethod) && !u.isInit() {
			return u
		}
	}
	if u := b.unitAt(e); u != nil && (u.kind == kindFunc || u.kind == kindMethod) {
		return u
	}
	return nil
}

// unitOf is the function that is checked as fd.
func (b *builder) unitOf(fd *ast.FuncDecl) *unit {
	src, off := b.atlas.place(fd.Pos())
	return b.function(&Error{Source: src, Offset: off})
}

// meaning is the declaration that name stands for once the cell has run; nil for a variable or an unknown name.
func (b *builder) meaning(name string) *unit {
	if u := b.own[name]; u != nil {
		return u
	}
	if b.vars[name] {
		return nil
	}
	return b.state.units[name]
}

// reached is the declarations that the cell's statements name, directly or not; not methods, which need not be called.
func (b *builder) reached() map[*unit]bool {
	all := map[*unit]bool{}
	var add func(n string)
	add = func(n string) {
		if u := b.meaning(n); u != nil && !all[u] {
			all[u] = true
			for _, r := range u.refs {
				add(r)
			}
		}
	}
	for _, it := range b.items {
		for n := range it.refs {
			add(n)
		}
	}
	return all
}

// undeclared is what a waiting function says when it is called.
func (b *builder) undeclared(u *unit) string {
	return fmt.Sprintf("%s calls %s, which no cell has declared yet", u.key(), strings.Join(b.waits[u].undefined(), " and "))
}

// waitingBody empties the function n, which is u, if it waits, and returns the text of its body then.
func (u *unit) waitingBody(b *builder, n ast.Node) (waits bool, text string) {
	fd, ok := n.(*ast.FuncDecl)
	if !ok || b.waits[u] == nil {
		return false, ""
	}
	fd.Body.List = nil
	return true, fmt.Sprintf("panic(%q)", b.undeclared(u))
}

// undefined is the names that errors about undefined names are about.
func (l Errors) undefined() []string {
	var names []string
	for _, e := range l {
		names = append(names, strings.TrimPrefix(e.Msg, "undefined: "))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// renewed is the functions of earlier cells that this cell gives another meaning without declaring them: those that waited
// for what it declares, and those that use what it declares anew and what Go binds when it compiles, such as constants,
// types and generic functions.
func (b *builder) renewed() map[*unit]bool {
	renew := map[*unit]bool{}
	add := func(u *unit) {
		own := b.own[u.names[0]] != nil || b.vars[u.names[0]]
		if u.kind == kindMethod {
			own = b.ownM[u.recv][u.names[0]] != nil || b.vars[u.recv] || b.own[u.recv] != nil && b.own[u.recv].kind != kindType
		}
		if !own && !b.stale[u] && !b.skip[u] && b.waits[u] == nil {
			renew[u] = true
		}
	}
	for u, errs := range b.state.waiting {
		if !b.state.current(u) {
			continue
		}
		if slices.ContainsFunc(errs.undefined(), func(n string) bool { return b.own[n] == nil && !b.vars[n] && b.state.Kind(n) == "" }) {
			b.waits[u] = errs
			continue
		}
		add(u)
	}
	// What Go binds when it compiles, directly or through other such declarations.
	bound := map[string]bool{}
	for n, u := range b.own {
		if old := b.state.units[n]; old != nil && !(old.kind == kindFunc && u.kind == kindFunc && !old.generic && !u.generic && old.signature() == u.signature()) ||
			old == nil && b.state.vars[n] != nil {
			bound[n] = true
		}
	}
	for n := range b.vars {
		if b.state.units[n] != nil {
			bound[n] = true
		}
	}
	if len(bound) == 0 {
		return renew
	}
	uses := func(u *unit) bool { return slices.ContainsFunc(u.refs, func(r string) bool { return bound[r] }) }
	for grown := true; grown; {
		grown = false
		for n, u := range b.state.units {
			if !bound[n] && b.own[n] == nil && (u.kind != kindFunc || u.generic) && uses(u) {
				bound[n], grown = true, true
			}
		}
	}
	for _, u := range b.state.units {
		if u.kind == kindFunc && !u.generic && uses(u) {
			add(u)
		}
	}
	for _, methods := range b.state.methods {
		for _, m := range methods {
			if !m.generic && uses(m) && b.own[m.recv] == nil {
				add(m)
			}
		}
	}
	return renew
}

// signature is the text of a function up to its body, without what does not matter.
func (u *unit) signature() string {
	var b strings.Builder
	depth := 0
	done := false
	scan(u.src.Text[u.start:u.end], func(_ int, tok token.Token, lit string) {
		switch {
		case done || tok == token.COMMENT:
			return
		case tok == token.LBRACE && depth == 0 && !strings.HasSuffix(b.String(), "struct ") && !strings.HasSuffix(b.String(), "interface "):
			done = true
			return
		case tok == token.LPAREN || tok == token.LBRACK || tok == token.LBRACE:
			depth++
		case tok == token.RPAREN || tok == token.RBRACK || tok == token.RBRACE:
			depth--
		}
		if lit == "" {
			lit = tok.String()
		}
		b.WriteString(lit + " ")
	}, func(string) {})
	return b.String()
}

// applyWaiting records which functions wait.
func (b *builder) applyWaiting(s *State) {
	for u := range s.waiting {
		if !s.current(u) || b.renew[u] || b.stale[u] || b.skip[u] {
			delete(s.waiting, u)
		}
	}
	for u, errs := range b.waits {
		if s.current(u) {
			s.waiting[u] = errs
		}
	}
}
