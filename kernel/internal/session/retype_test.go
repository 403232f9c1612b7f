package session

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golab/kernel/internal/build"
)

var edits = flag.Int("edits", 8, "how many random edits of types to make")

// TestRandomTypeEdits changes types at random while variables, closures, goroutines, interfaces and maps hold values of
// them, with the garbage collector running all the time and freed memory overwritten. After each edit a variable is as it
// was, or it is dropped or refused by name. What earlier code holds is as it was, always.
func TestRandomTypeEdits(t *testing.T) {
	edits := *edits
	if testing.Short() {
		edits = 3
	}
	s, err := New(Options{Open: build.Open, Dir: t.TempDir(),
		Env: []string{"GODEBUG=clobberfree=1,gccheckmark=1,invalidptr=1,cgocheck=1", "GOGC=5"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	must(t, s, dumper)
	g := &retyper{t: t, s: s, r: rand.New(rand.NewPCG(*seed, 1)), held: map[string]*heldVar{}, defs: map[string]*rtype{}, methods: map[string][]string{}}
	for i := range 5 {
		g.defs[fmt.Sprint("T", i)] = &rtype{kind: "struct"}
	}
	for i := range 5 { // a type may mention those that come later
		g.defs[fmt.Sprint("T", i)] = g.structType(i)
	}
	g.ifc = []string{"M0"}
	decls := "type I interface{ M0() string }\n" + g.generic()
	for i := range 5 {
		n := fmt.Sprint("T", i)
		decls += g.def(n) + "\n"
		if i < 3 {
			decls += g.method(n, "M0") + "\n"
			g.methods[n] = []string{"M0"}
		}
	}
	if out, failed := g.cell(decls); failed != "" {
		t.Fatal(out)
	}
	var names []string
	for i := range 9 {
		names = append(names, fmt.Sprint("v", i))
	}
	g.declare(names...)
	for i := range edits {
		g.step(i)
		if t.Failed() {
			t.Fatalf("seed %d; the cells were\n%s", *seed, strings.Join(g.log, "\n-- --\n"))
		}
	}
	t.Logf("%d edits, %d of them refused; values were carried over %d times, dropped %d times, refused %d times", edits, g.invalid, g.carried, g.dropped, g.refused)
	if edits >= 25 && (g.carried == 0 || g.dropped == 0) {
		t.Error("the edits try nothing")
	}
}

// dumper writes a value as lines of a path and what lies there, and keeps the collector busy.
const dumper = `
func dump(v any) string {
	var b strings.Builder
	dumpTo(&b, reflect.ValueOf(v), "", 0)
	return b.String()
}
func dumpAt(p any) string {
	var b strings.Builder
	dumpTo(&b, reflect.ValueOf(p).Elem(), "", 0)
	return b.String()
}
func dumpTo(b *strings.Builder, v reflect.Value, path string, depth int) {
	if depth > 9 {
		return
	}
	if !v.IsValid() {
		fmt.Fprintf(b, "%s=invalid\n", path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprintf(b, "%s=nil\n", path)
			return
		}
		dumpTo(b, v.Elem(), path+"*", depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if n := v.Type().Field(i).Name; n != "_" {
				dumpTo(b, v.Field(i), path+"."+n, depth+1)
			}
		}
	case reflect.Array, reflect.Slice:
		fmt.Fprintf(b, "%s=len %d\n", path, v.Len())
		for i := range v.Len() {
			dumpTo(b, v.Index(i), fmt.Sprint(path, "[", i, "]"), depth+1)
		}
	case reflect.Map:
		fmt.Fprintf(b, "%s=len %d\n", path, v.Len())
		type entry struct{ order, text string }
		var all []entry
		for _, k := range v.MapKeys() {
			var kb, vb strings.Builder
			dumpTo(&kb, k, path+"[key]", depth+1)
			dumpTo(&vb, v.MapIndex(k), path+"[]", depth+1) // invalid if its hash is another now
			order := ""
			for _, line := range strings.Split(kb.String()+vb.String(), "\n") {
				_, value, _ := strings.Cut(line, "=")
				order += value + ";"
			}
			all = append(all, entry{order, kb.String() + vb.String()})
		}
		slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.order, b.order) })
		for _, e := range all {
			b.WriteString(e.text)
		}
	case reflect.Chan:
		fmt.Fprintf(b, "%s=chan %v %d\n", path, v.IsNil(), v.Cap())
	case reflect.Func:
		if f, ok := v.Interface().(func() int); ok && f != nil {
			fmt.Fprintf(b, "%s=func %d\n", path, f())
		} else {
			fmt.Fprintf(b, "%s=func %v\n", path, v.IsNil())
		}
	case reflect.UnsafePointer:
		fmt.Fprintf(b, "%s=%v\n", path, v.IsNil())
	case reflect.Float64:
		fmt.Fprintf(b, "%s=%v\n", path, v.Float())
	case reflect.String:
		fmt.Fprintf(b, "%s=%q\n", path, v.String())
	default:
		fmt.Fprintf(b, "%s=%v\n", path, v)
	}
}
func ptr[T any](v T) *T { return &v }
go func() {
	for {
		runtime.GC()
		var keep [][]byte
		for i := range 300 {
			keep = append(keep, bytes.Repeat([]byte{0xAB}, 8<<(i%8)))
		}
		runtime.KeepAlive(keep)
		time.Sleep(10 * time.Millisecond) // leaves the cells some time
	}
}()`

// rtype is a type as the test writes it.
type rtype struct {
	kind      string // of Go's own: its name; else struct, array, slice, map, pointer, generic; or a name declared in a cell
	key, elem *rtype
	fields    []rfield
}

type rfield struct {
	name string
	typ  *rtype
}

func (r *rtype) String() string {
	switch r.kind {
	case "struct":
		var fs []string
		for _, f := range r.fields {
			if f.name == "" {
				fs = append(fs, f.typ.String())
			} else {
				fs = append(fs, f.name+" "+f.typ.String())
			}
		}
		return "struct{ " + strings.Join(fs, "; ") + " }"
	case "array":
		return "[2]" + r.elem.String()
	case "slice":
		return "[]" + r.elem.String()
	case "map":
		return "map[" + r.key.String() + "]" + r.elem.String()
	case "pointer":
		return "*" + r.elem.String()
	case "generic":
		return "G[" + r.elem.String() + "]"
	}
	return r.kind
}

// heldVar is a variable of the session.
type heldVar struct {
	typ  *rtype
	last string // what it held when it was last looked at
}

type retyper struct {
	t       *testing.T
	s       *Session
	r       *rand.Rand
	defs    map[string]*rtype
	methods map[string][]string
	ifc     []string // methods of I
	gen     []rfield // of G
	held    map[string]*heldVar
	log     []string
	n       int

	invalid, carried, dropped, refused int
}

func (g *retyper) cell(code string) (string, string) {
	g.log = append(g.log, code)
	out, err := runCell(g.s, len(g.log), code)
	if err == nil {
		return out, ""
	}
	return out, err.Name
}

func (g *retyper) num() string { g.n++; return fmt.Sprint(g.n) }

func (g *retyper) chance(n int) bool { return g.r.IntN(n) == 0 }

func oneOf[T any](g *retyper, of ...T) T { return of[g.r.IntN(len(of))] }

func basic(name string) *rtype { return &rtype{kind: name} }

// words are types of one word, which look alike in memory and not to the garbage collector.
var words = []string{"int", "uint", "uintptr", "float64", "*int", "unsafe.Pointer", "map[string]int", "chan int", "func() int", "int64"}

// anyType is a type that may stand in the definition of type number i.
func (g *retyper) anyType(i, depth int) *rtype {
	other := basic(fmt.Sprint("T", g.r.IntN(5)))
	if depth == 0 {
		return basic(oneOf(g, "int", "string", "*int"))
	}
	switch g.r.IntN(15) {
	case 0, 1:
		return basic(oneOf(g, words...))
	case 2:
		return basic(oneOf(g, "string", "[]int", "any", "error", "bool", "uint8", "complex128"))
	case 3, 4:
		return &rtype{kind: "pointer", elem: other}
	case 5:
		return &rtype{kind: "slice", elem: other}
	case 6:
		return &rtype{kind: "map", key: basic("string"), elem: other}
	case 7:
		return &rtype{kind: "generic", elem: &rtype{kind: "pointer", elem: other}}
	case 8:
		return basic("I")
	case 9:
		return &rtype{kind: "struct", fields: []rfield{{"A", &rtype{kind: "pointer", elem: other}}, {"B", g.anyType(i, depth-1)}}}
	case 10:
		return &rtype{kind: "array", elem: g.anyType(i, depth-1)}
	case 11:
		return basic("func(*" + other.kind + ") I")
	case 12, 13:
		if i < 4 {
			return basic(fmt.Sprint("T", i+1+g.r.IntN(4-i)))
		}
	}
	return basic("int")
}

func (g *retyper) structType(i int) *rtype {
	r := &rtype{kind: "struct"}
	for j := range 1 + g.r.IntN(4) {
		typ := g.anyType(i, 2)
		if g.chance(3) {
			typ = basic(oneOf(g, "int", "string", "*int"))
		}
		if j > 0 && g.chance(2) {
			typ = r.fields[j-1].typ // so that fields can take each other's places
		}
		r.fields = append(r.fields, rfield{"F" + g.num(), typ})
	}
	return r
}

func (g *retyper) def(name string) string { return "type " + name + " " + g.defs[name].String() }

func (g *retyper) generic() string {
	if g.gen == nil {
		g.gen = []rfield{{"V", basic("P")}, {"Next", basic("*G[P]")}, {"N", basic("int")}}
	}
	return "type G[P any] " + (&rtype{kind: "struct", fields: g.gen}).String() + "\n"
}

func (g *retyper) method(typ, name string) string {
	return fmt.Sprintf("func (t *%s) %s() string { return %q + dump(*t) }", typ, name, g.num()+"\n")
}

// value writes a value of a type.
func (g *retyper) value(r *rtype, depth int) string {
	zero := "*new(" + r.String() + ")"
	if depth == 0 {
		return zero
	}
	switch r.kind {
	case "int", "uint", "uintptr", "int64", "float64", "uint8", "complex128":
		return r.kind + "(" + fmt.Sprint(g.r.IntN(200)) + ")"
	case "*int":
		return "ptr(" + g.num() + ")"
	case "string":
		return "strings.Repeat(\"s" + g.num() + "\", 3)"
	case "[]int":
		return "[]int{" + g.num() + ", " + g.num() + "}"
	case "any":
		return oneOf(g, "any("+g.num()+")", "any("+g.value(basic("T0"), depth-1)+")")
	case "error":
		return "errors.New(fmt.Sprint(" + g.num() + "))"
	case "map[string]int":
		return "map[string]int{\"k\": " + g.num() + "}"
	case "chan int":
		return "make(chan int, " + fmt.Sprint(g.r.IntN(9)) + ")"
	case "func() int":
		return "func() func() int { n := " + g.num() + "; return func() int { return n } }()"
	case "I":
		for _, i := range g.r.Perm(5) {
			n := fmt.Sprint("T", i)
			if !slices.ContainsFunc(g.ifc, func(m string) bool { return !slices.Contains(g.methods[n], m) }) {
				return "I(ptr(" + g.value(basic(n), depth-1) + "))"
			}
		}
	case "struct":
		var fs []string
		for _, f := range r.fields {
			if f.name != "_" && f.name != "" {
				fs = append(fs, f.name+": "+g.value(f.typ, depth-1))
			}
		}
		return r.String() + "{" + strings.Join(fs, ", ") + "}"
	case "array", "slice":
		return r.String() + "{" + g.value(r.elem, depth-1) + ", " + g.value(r.elem, depth-1) + "}"
	case "map":
		return r.String() + "{" + g.value(r.key, depth-1) + ": " + g.value(r.elem, depth-1) + ", " + g.value(r.key, depth-1) + ": " + g.value(r.elem, depth-1) + "}"
	case "pointer":
		return "ptr(" + g.value(r.elem, depth-1) + ")"
	case "generic":
		return r.String() + "{V: " + g.value(r.elem, depth-1) + ", Next: &" + r.String() + "{V: " + g.value(r.elem, depth-1) + "}}"
	}
	if d := g.defs[r.kind]; d != nil {
		v := g.value(d, depth)
		if d.kind == "struct" || d.kind == "array" || d.kind == "slice" || d.kind == "map" {
			return r.kind + strings.TrimPrefix(v, d.String())
		}
		return r.kind + "(" + v + ")"
	}
	return zero
}

// comparable reports whether values of the type can be a map's keys.
func (g *retyper) comparable(r *rtype) bool {
	switch r.kind {
	case "[]int", "slice", "map", "map[string]int", "any", "error", "I":
		return false
	case "struct":
		return !slices.ContainsFunc(r.fields, func(f rfield) bool { return !g.comparable(f.typ) })
	case "array":
		return g.comparable(r.elem)
	case "generic":
		return !slices.ContainsFunc(g.gen, func(f rfield) bool { return !g.comparable(f.typ) })
	}
	if d := g.defs[r.kind]; d != nil {
		return g.comparable(d)
	}
	return !strings.HasPrefix(r.kind, "func")
}

// declare gives variables new values, and gives those to a closure, a goroutine and pointers too.
func (g *retyper) declare(names ...string) {
	code := ""
	for _, v := range names {
		t := basic(fmt.Sprint("T", g.r.IntN(5)))
		typ := oneOf(g, t, t, t, &rtype{kind: "pointer", elem: t}, &rtype{kind: "slice", elem: t}, &rtype{kind: "generic", elem: t}, basic("I"), basic("any"),
			&rtype{kind: "map", key: basic("string"), elem: t})
		if g.comparable(t) && g.chance(2) {
			typ = &rtype{kind: "map", key: t, elem: basic("int")}
		}
		code += fmt.Sprintf(`var %[1]s %[2]s = %[3]s
get_%[1]s := func() string { return dumpAt(&%[1]s) }
at_%[1]s := &%[1]s
var any_%[1]s any = at_%[1]s
ask_%[1]s := make(chan chan string)
go func() { for c := range ask_%[1]s { c <- dumpAt(&%[1]s) } }()
fmt.Println("%[1]s", strconv.Quote(dumpAt(&%[1]s)))
`, v, typ, g.value(typ, 5))
		g.held[v] = &heldVar{typ: typ}
	}
	out, failed := g.cell(code)
	if failed == "compile error" && strings.Contains(out, "duplicate key") {
		g.declare(names...)
		return
	}
	shown := quoted(out)
	for _, v := range names {
		text, ok := shown[v]
		if failed != "" || !ok {
			g.t.Fatalf("seed %d: can't declare %s\n%s\n%s", *seed, v, strings.Join(g.log, "\n-- --\n"), out)
		}
		g.held[v].last = text
	}
}

// quoted reads lines of a name and a quoted text.
func quoted(out string) map[string]string {
	all := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		n, q, _ := strings.Cut(line, " ")
		if text, err := strconv.Unquote(q); err == nil {
			all[n] = text
		}
	}
	return all
}

var droppedVar = regexp.MustCompile(`golab: (\w+) is dropped`)
var refusedVar = regexp.MustCompile(`(\w+) still holds a value of the earlier type`)
var goneVar = regexp.MustCompile(`undefined: (\w+)`)

func (g *retyper) step(i int) {
	undo, code := g.edit()
	out, failed := g.cell(code)
	if failed != "" && failed != "compile error" {
		g.t.Errorf("the edit ends in %s", out)
		return
	}
	if failed != "" {
		g.invalid++
		undo()
	}
	gone := map[string]bool{}
	for _, m := range droppedVar.FindAllStringSubmatch(out, -1) {
		gone[m[1]] = true
	}
	// What each variable holds, seen by new code, a pointer in an interface, a closure and a goroutine.
	names := slices.Sorted(maps.Keys(g.held))
	for {
		code := "show := func(n, s string) { fmt.Println(n, strconv.Quote(s)) }\n"
		for _, n := range names {
			code += fmt.Sprintf("show(%q, get_%s())\nshow(%q, func() string { c := make(chan string); ask_%s <- c; return <-c }())\nshow(%q, dumpAt(any_%s))\n", "get_"+n, n, "ask_"+n, n, "any_"+n, n)
			if !gone[n] {
				code += fmt.Sprintf("show(%q, dumpAt(&%s))\n", n, n)
			}
			if !gone["at_"+n] {
				code += fmt.Sprintf("show(%q, dumpAt(at_%s))\n", "at_"+n, n)
			}
		}
		out, failed = g.cell(code)
		if failed == "" {
			break
		}
		found := false
		for _, m := range append(refusedVar.FindAllStringSubmatch(out, -1), goneVar.FindAllStringSubmatch(out, -1)...) {
			if gone[m[1]] || failed != "compile error" || !strings.Contains(out, "still holds") && !strings.Contains(out, m[1]+" was lost") {
				continue
			}
			gone[m[1]], found = true, true
			g.refused++
		}
		if !found {
			g.t.Errorf("looking at the variables ends in %s", out)
			return
		}
	}
	first := quoted(out)
	var again []string
	for _, n := range names {
		h := g.held[n]
		for _, by := range []string{"get_", "ask_", "any_", "at_", ""} {
			text, ok := first[by+n]
			if !ok {
				if !gone[by+n] {
					g.t.Errorf("%s was not shown: %s", by+n, out)
				}
				continue
			}
			if contents(text) != contents(h.last) {
				g.t.Errorf("%s holds\n%s\nand held\n%s", by+n, text, h.last)
			}
			if by == "" || by == "at_" {
				sameNames(g.t, n, h.last, text)
			}
		}
		if gone[n] {
			g.dropped++
			again = append(again, n)
		} else {
			g.carried++
			h.last = first[n]
			if d := g.defs[h.typ.kind]; d != nil && d.kind == "struct" { // new code writes, old code reads
				for _, f := range d.fields {
					if f.typ.kind == "int" && f.name != "_" && g.chance(2) {
						code := fmt.Sprintf("%s.%s += 1000\nfmt.Println(strconv.Quote(dumpAt(&%s)), strconv.Quote(get_%s()))", n, f.name, n, n)
						out, failed := g.cell(code)
						a, b, _ := strings.Cut(strings.TrimSpace(out), "\" \"")
						a, err := strconv.Unquote(a + `"`)
						b, err2 := strconv.Unquote(`"` + b)
						if failed != "" || err != nil || err2 != nil || contents(a) != contents(b) {
							g.t.Errorf("after a change of %s: %s", n, out)
							return
						}
						h.last = a
						break
					}
				}
			}
		}
	}
	if len(again) > 0 {
		g.declare(again...)
	}
}

// contents is what lies at the paths, without those: fields may have other names.
func contents(dump string) string {
	var b strings.Builder
	for _, line := range strings.Split(dump, "\n") {
		_, v, _ := strings.Cut(line, "=")
		b.WriteString(v + "\n")
	}
	return b.String()
}

// sameNames checks that a value that has a name has the name that it had, or one that nothing had.
func sameNames(t *testing.T, n, before, after string) {
	had := map[string]string{}
	for _, line := range strings.Split(before, "\n") {
		p, v, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		had[p] += v + ";"
	}
	has := map[string]string{}
	for _, line := range strings.Split(after, "\n") {
		p, v, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		has[p] += v + ";"
	}
	for p, v := range has {
		if w, ok := had[p]; ok && v != w {
			t.Errorf("%s%s is %s and was %s", n, p, v, w)
		}
	}
}

// edit changes a type at random.
func (g *retyper) edit() (undo func(), code string) {
	i := g.r.IntN(5)
	name := fmt.Sprint("T", i)
	old := g.defs[name]
	undo = func() { g.defs[name] = old }
	set := func(r *rtype) (func(), string) {
		g.defs[name] = r
		return undo, g.def(name)
	}
	if old.kind != "struct" || len(old.fields) == 0 {
		return set(g.structType(i))
	}
	fields := slices.Clone(old.fields)
	at := g.r.IntN(len(fields))
	switch g.r.IntN(18) {
	case 0:
		fields = slices.Insert(fields, at, rfield{"F" + g.num(), g.anyType(i, 2)})
	case 1:
		fields = slices.Delete(fields, at, at+1)
	case 2, 3:
		fields[at].name = "F" + g.num()
	case 4:
		g.r.Shuffle(len(fields), func(a, b int) { fields[a], fields[b] = fields[b], fields[a] })
	case 15, 16, 17: // a field takes the place of the one before it, which is of the same type
		for j := range fields[1:] {
			if a, b := &fields[j], &fields[j+1]; a.typ.String() == b.typ.String() && a.name != "" && b.name != "" {
				a.name, b.name = b.name, oneOf(g, a.name, "F"+g.num())
				break
			}
		}
	case 5, 6:
		fields[at].typ = g.anyType(i, 2)
	case 7: // something of the same size
		for j, f := range fields {
			if slices.Contains(words, f.typ.kind) {
				fields[j].typ = basic(oneOf(g, words...))
			}
		}
	case 8:
		fields[at].name = "_"
	case 9:
		if i == 4 {
			return set(g.structType(i))
		}
		fields[at] = rfield{"", basic(fmt.Sprint(oneOf(g, "", "*"), "T", i+1+g.r.IntN(4-i)))}
	case 10:
		m := fmt.Sprint("M", g.r.IntN(3))
		had := g.methods[name]
		if !slices.Contains(had, m) {
			g.methods[name] = append(slices.Clone(had), m)
		}
		return func() { g.methods[name] = had }, g.method(name, m)
	case 11:
		had := g.ifc
		g.ifc = []string{"M0"}
		if g.chance(2) {
			g.ifc = append(g.ifc, "M1")
		}
		code := "type I interface {"
		for _, m := range g.ifc {
			code += " " + m + "() string;"
		}
		return func() { g.ifc = had }, code + " }"
	case 12:
		had := g.gen
		g.gen = slices.Clone(g.gen)
		switch g.r.IntN(3) {
		case 0:
			g.gen[2].name = "N" + g.num()
		case 1:
			g.gen[2].typ = basic(oneOf(g, "int", "*int", "P"))
		default:
			g.gen[1].typ = basic(oneOf(g, "*G[P]", "*G[*P]", "*P"))
			if g.gen[1].typ.kind != "*G[P]" {
				g.gen = had
			}
		}
		return func() { g.gen = had }, g.generic()
	case 13:
		if len(fields) > 1 { // the shape of a recursive type, seen from elsewhere
			fields[at].typ = &rtype{kind: "struct", fields: []rfield{{"A", &rtype{kind: "pointer", elem: basic(name)}}, {"B", basic("int")}}}
		}
	default:
		if i < 4 { // a type written out
			to := basic(fmt.Sprint("T", i+1+g.r.IntN(4-i)))
			if g.chance(2) {
				fields[at].typ = to
			} else {
				fields[at].typ = g.defs[to.kind]
			}
		}
	}
	return set(&rtype{kind: "struct", fields: fields})
}
