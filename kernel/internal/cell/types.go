package cell

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/types"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// pkgPath is the import path, and pkgName the name, of the package that all generations share. One path keeps the
// identity of a type from cell to cell; %T prints nb.T.
const pkgPath, pkgName = "nb", "nb"

func ours(o types.Object) bool { return o != nil && o.Pkg() != nil && o.Pkg().Path() == pkgPath }

// alias is the name under which generated code imports path; no user's identifier has it.
func alias(path string) string {
	h := sha256.Sum256([]byte(path))
	return "ʼ" + path[strings.LastIndexByte(path, '/')+1:][:1] + hex.EncodeToString(h[:4])
}

// typeExpr writes t as Go source for a generated file: other packages under their aliases, which it returns. It fails for
// types that have no name where the cell stands.
func typeExpr(t types.Type) (expr string, imports map[string]string, err error) {
	imports = map[string]string{}
	if err := nameable(t, map[types.Type]bool{}); err != nil {
		return "", nil, err
	}
	expr = types.TypeString(t, func(p *types.Package) string {
		if p.Path() == pkgPath {
			return ""
		}
		path := PlainPath(p.Path())
		a := alias(path)
		imports[a] = path
		return a
	})
	return expr, imports, nil
}

// userExpr writes t as the user would.
func userExpr(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == pkgPath {
			return ""
		}
		return p.Name()
	})
}

// parts calls f for the types that t is directly made of. For a named type these are its type arguments only.
func parts(t types.Type, f func(types.Type)) {
	list := func(l *types.TypeList) {
		for i := range l.Len() {
			f(l.At(i))
		}
	}
	switch t := t.(type) {
	case *types.Alias:
		list(t.TypeArgs())
	case *types.Named:
		list(t.TypeArgs())
	case *types.Pointer:
		f(t.Elem())
	case *types.Slice:
		f(t.Elem())
	case *types.Array:
		f(t.Elem())
	case *types.Chan:
		f(t.Elem())
	case *types.Map:
		f(t.Key())
		f(t.Elem())
	case *types.Struct:
		for i := range t.NumFields() {
			f(t.Field(i).Type())
		}
	case *types.Tuple:
		for i := range t.Len() {
			f(t.At(i).Type())
		}
	case *types.Signature:
		f(t.Params())
		f(t.Results())
	case *types.Interface:
		for i := range t.NumMethods() {
			f(t.Method(i).Type())
		}
		for i := range t.NumEmbeddeds() {
			f(t.EmbeddedType(i))
		}
	case *types.Union:
		for i := range t.Len() {
			f(t.Term(i).Type())
		}
	}
}

// each calls f for t and for every type it is made of, as parts has it, once.
func each(t types.Type, f func(types.Type)) {
	seen := map[types.Type]bool{}
	var walk func(types.Type)
	walk = func(t types.Type) {
		if !seen[t] {
			seen[t] = true
			f(t)
			parts(t, walk)
		}
	}
	walk(t)
}

// isError reports whether t is the predeclared type error.
func isError(t types.Type) bool {
	return types.Identical(t, types.Universe.Lookup("error").Type())
}

// nameable says why t can't be written in another package or outside its function.
func nameable(t types.Type, seen map[types.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	var obj *types.TypeName
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() == types.Invalid {
			return errors.New("no type")
		}
	case *types.Named:
		obj = t.Obj()
	case *types.Alias:
		obj = t.Obj()
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); !f.Exported() && !ours(f) {
				return fmt.Errorf("a struct type of package %s with unexported fields", f.Pkg().Path())
			}
		}
	case *types.Interface:
		for i := range t.NumExplicitMethods() {
			if m := t.ExplicitMethod(i); !m.Exported() && !ours(m) {
				return fmt.Errorf("an interface type of package %s with unexported methods", m.Pkg().Path())
			}
		}
	}
	if obj != nil && obj.Pkg() != nil {
		switch {
		case !ours(obj) && !obj.Exported():
			return fmt.Errorf("%s, which package %s does not export", userExpr(t), obj.Pkg().Path())
		case obj.Parent() != obj.Pkg().Scope():
			return fmt.Errorf("%s, which is declared inside a function", obj.Name())
		}
	}
	var err error
	parts(t, func(p types.Type) {
		if err == nil {
			err = nameable(p, seen)
		}
	})
	return err
}

// named collects the types declared in cells that t is made of, directly or through their definitions and methods.
func named(t types.Type, into map[*types.TypeName]*types.Named) {
	visit(t, into, map[types.Type]bool{})
}

func visit(t types.Type, into map[*types.TypeName]*types.Named, seen map[types.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	if a, ok := t.(*types.Alias); ok {
		visit(types.Unalias(a), into, seen)
	}
	if n, ok := t.(*types.Named); ok && ours(n.Obj()) {
		o := n.Origin()
		if into[o.Obj()] == nil {
			into[o.Obj()] = o
			visit(o.Underlying(), into, seen)
			for i := range o.NumMethods() {
				visit(o.Method(i).Type(), into, seen)
			}
		}
	}
	parts(t, func(p types.Type) { visit(p, into, seen) })
}

// identity is a hash of everything that a type's descriptor depends on: its definition, its method set, and the same of
// every type of the session they mention. Two types of one name and one identity may share a descriptor. methods is what
// the methods of a generic type do: they can't forward to later definitions, so the descriptor depends on that too.
func identity(n *types.Named, methods func(generic *types.Named) string) string {
	all := map[*types.TypeName]*types.Named{}
	named(n, all)
	byName := func(n *types.Named) string { return n.Obj().Name() }
	var defs []string
	for obj, t := range all {
		var b strings.Builder
		b.WriteString(obj.Name())
		for i := range t.TypeParams().Len() {
			p := t.TypeParams().At(i)
			fmt.Fprintf(&b, "[%s %s]", p.Obj().Name(), exactly(p.Constraint(), byName))
		}
		b.WriteString(" " + exactly(t.Underlying(), byName))
		var set []string
		for i := range t.NumMethods() {
			m := t.Method(i)
			_, ptr := types.Unalias(m.Signature().Recv().Type()).(*types.Pointer)
			set = append(set, fmt.Sprintf("%s %v %s", m.Name(), ptr, exactly(m.Type(), byName)))
		}
		sort.Strings(set)
		b.WriteString("{" + strings.Join(set, ";") + "}")
		if t.TypeParams().Len() > 0 {
			b.WriteString(methods(t))
		}
		defs = append(defs, b.String())
	}
	sort.Strings(defs)
	h := sha256.Sum256([]byte(n.Obj().Name() + "=" + strings.Join(defs, "\n")))
	return hex.EncodeToString(h[:8])
}

// PlainName is a name as the user knows it: without what tells the versions of redefined types apart.
func PlainName(s string) string { return versionMark.ReplaceAllString(s, "") }

var versionMark = regexp.MustCompile(`ʼ\d+`)

// exactly writes t so that two types are identical if and only if their strings are equal, given names for the session's.
func exactly(t types.Type, name func(*types.Named) string) string {
	d := description{name: name}
	d.walk(t)
	return d.String()
}

// layoutOf describes how a value of t lies in memory, and what the garbage collector, interface calls, hashing and comparing
// need of it, then "|" and the names of the fields of each struct. It is empty for a type without end, which no compiler
// takes. See [carries].
func layoutOf(t types.Type) string {
	d := description{begun: map[*types.Named]int{}, open: map[*types.Named]bool{}}
	d.walk(t)
	if d.endless {
		return ""
	}
	var groups []string
	for _, g := range d.fields {
		groups = append(groups, strings.Join(g, ","))
	}
	return d.String() + "|" + strings.Join(groups, ";")
}

// description writes types; aliases are always followed. With name, types of the session are written as that says;
// without, they and those of local modules are expanded and the names of fields kept apart.
//
// What is expanded has its nodes numbered in the order in which they are written, so that a type inside itself can be
// written as the number of the node where it begins: one text stands for one graph.
type description struct {
	strings.Builder
	name   func(*types.Named) string
	nodes  int
	begun  map[*types.Named]int // the node where its expansion begins
	open   map[*types.Named]bool
	depth  int // of what is open
	fields [][]string
	// endless is set by a generic type that instantiates itself with ever other types
	endless bool
}

// maxExpansion is the length at which types that were expanded before are no longer expanded again: types that refer to
// each other in many ways would be written in all of them.
const maxExpansion = 16 << 10

// maxDepth is how many types may lie inside each other.
const maxDepth = 200

func (d *description) walk(t types.Type) {
	t = types.Unalias(t)
	if n, ok := t.(*types.Named); ok {
		d.named(n)
		return
	}
	d.nodes++
	switch t := t.(type) {
	case *types.Basic:
		if k := t.Kind(); k < types.UntypedBool && k != types.Invalid {
			d.WriteString(types.Typ[k].Name()) // byte is uint8
		} else {
			d.WriteString(t.Name())
		}
	case *types.TypeParam:
		d.WriteString(t.Obj().Name())
	case *types.Pointer:
		d.WriteByte('*')
		d.walk(t.Elem())
	case *types.Slice:
		d.WriteString("[]")
		d.walk(t.Elem())
	case *types.Array:
		fmt.Fprintf(d, "[%d]", t.Len())
		d.walk(t.Elem())
	case *types.Chan:
		fmt.Fprintf(d, "chan%d(", t.Dir())
		d.walk(t.Elem())
		d.WriteByte(')')
	case *types.Map:
		d.WriteString("map[")
		d.walk(t.Key())
		d.WriteByte(']')
		d.walk(t.Elem())
	case *types.Struct:
		d.WriteString("struct{")
		group := len(d.fields)
		d.fields = append(d.fields, nil)
		for i := range t.NumFields() {
			f := t.Field(i)
			if d.name != nil {
				fmt.Fprintf(d, "%s %v %q ", f.Id(), f.Embedded(), t.Tag(i))
			} else {
				d.fields[group] = append(d.fields[group], f.Name())
				if f.Name() == "_" { // is neither hashed nor compared
					d.WriteString("_ ")
				}
			}
			d.walk(f.Type())
			d.WriteByte(';')
		}
		d.WriteByte('}')
	case *types.Tuple:
		d.WriteByte('(')
		for i := range t.Len() {
			d.walk(t.At(i).Type())
			d.WriteByte(',')
		}
		d.WriteByte(')')
	case *types.Signature:
		fmt.Fprintf(d, "func%v", t.Variadic())
		d.walk(t.Params())
		d.walk(t.Results())
	case *types.Interface:
		d.WriteString("interface{")
		for i := range t.NumMethods() {
			d.WriteString(d.id(t.Method(i)) + " ")
			d.walk(t.Method(i).Type())
			d.WriteByte(';')
		}
		for i := range t.NumEmbeddeds() {
			if _, ok := t.EmbeddedType(i).Underlying().(*types.Interface); !ok {
				d.walk(t.EmbeddedType(i))
				d.WriteByte(';')
			}
		}
		if t.IsComparable() {
			d.WriteString("comparable")
		}
		d.WriteByte('}')
	case *types.Union:
		for i := range t.Len() {
			fmt.Fprintf(d, "%v", t.Term(i).Tilde())
			d.walk(t.Term(i).Type())
			d.WriteByte('|')
		}
	default:
		d.WriteString(t.String())
	}
}

// id is the name of a method, with its package if it is not exported.
func (d *description) id(m *types.Func) string {
	if d.name != nil {
		return m.Id()
	}
	return PlainPath(m.Id())
}

func (d *description) named(n *types.Named) {
	switch {
	case !ours(n.Obj()) && (d.name != nil || !isLocal(n.Obj())):
		if p := n.Obj().Pkg(); p != nil {
			d.WriteString(p.Path() + ".")
		}
		d.WriteString(n.Obj().Name())
	case d.name != nil:
		d.WriteString(d.name(n.Origin()))
	default:
		if at, ok := d.begun[n]; ok && (d.open[n] || d.Len() > maxExpansion) {
			fmt.Fprintf(d, "^%d", at)
			return
		}
		if d.depth == maxDepth {
			d.endless = true
			return
		}
		d.begun[n], d.open[n] = d.nodes, true
		d.depth++
		d.walk(n.Underlying())
		d.depth--
		d.open[n] = false
		return
	}
	if l := n.TypeArgs(); l.Len() > 0 {
		d.WriteByte('[')
		for i := range l.Len() {
			d.walk(l.At(i))
			d.WriteByte(',')
		}
		d.WriteByte(']')
	}
}

// carries reports whether a value laid out as old may be read as one laid out as new: the memory is the same, and no struct
// has a field in another place than before.
func carries(oldLayout, newLayout string) bool {
	o, on, _ := strings.Cut(oldLayout, "|")
	n, nn, _ := strings.Cut(newLayout, "|")
	if o != n || o == "" {
		return false
	}
	before, after := strings.Split(on, ";"), strings.Split(nn, ";")
	if len(before) != len(after) {
		return false
	}
	for i := range before {
		a, b := strings.Split(before[i], ","), strings.Split(after[i], ",")
		for i := range a {
			if a[i] != b[i] && (slices.Contains(b, a[i]) || slices.Contains(a, b[i])) {
				return false
			}
		}
	}
	return true
}
