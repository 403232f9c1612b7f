package session

import (
	"fmt"
	"strings"
)

// define declares a function of n, or a method of t, that a later cell may define again: the program calls it through a
// variable.
func (g *generator) define(name, recv string, body func() string) {
	param, arg, slot := "", "", "def_"+name
	if recv != "" {
		param, arg, slot = "t "+recv+", ", "t, ", "def_"+recv+name
	}
	fmt.Fprintf(&g.decls, "var %s func(%sn int) int\n", slot, param)
	if recv != "" {
		fmt.Fprintf(&g.decls, "func (t %s) %s(n int) int { return %s(%sn) }\n", recv, name, slot, arg)
	} else {
		fmt.Fprintf(&g.decls, "func %s(n int) int { return %s(n) }\n", name, slot)
	}
	again := func() {
		b := body()
		g.bodies += b
		head := "func " + name
		if recv != "" {
			head = "func (t " + recv + ") " + name
		}
		fmt.Fprintf(&g.cell, "%s(n int) (r int) {\n%s\n}\n", head, b)
		fmt.Fprintf(&g.main, "%s = func(%sn int) (r int) {\n%s\n}\n", slot, param, b)
	}
	again()
	g.again = append(g.again, again)
}

// more adds a statement of the rarer forms.
func (g *generator) more() {
	name := g.name()
	switch g.r.IntN(17) {
	case 0: // a definition holds for the whole cell, so it begins one
		if len(g.again) > 0 {
			g.cut()
			g.local++
			pick(g, g.again...)()
			g.local--
		}
	case 1: // a declaration with another type; closures keep the old variable
		g.retype()
	case 2:
		a, b := g.name(), g.name()
		g.top("const (\n%s = iota*3 + %d\n%s\n_\n%s\n)", name, g.r.IntN(5), a, b)
		g.both("fmt.Println(%s, %s, %s)", name, a, b)
	case 3:
		if vs := g.vars["int"]; len(vs) > 1 {
			a, b := pick(g, vs...), pick(g, vs...)
			if a != b {
				g.both("%s, %s = %s, %s", a, b, b, a)
			}
		}
	case 4:
		x := g.expr("int", 1)
		g.both("if x := %s; x > 2 {\nx := fmt.Sprint(x, \"!\")\nfmt.Println(x)\n} else if y := x * 2; y < 0 {\nfmt.Println(x, y)\n}", x)
	case 5:
		g.both("{\ni := 0\n%s:\nif i < 3 {\ni++\nfmt.Print(i, \" \")\ngoto %s\n}\n}", name, name)
	case 6:
		g.both("for x := range upto(%s) {\nif x == 3 { break }\ndefer_%s := x * 2\nfmt.Print(defer_%s, \" \")\n}", g.expr("int", 1), name, name)
	case 7:
		g.both("{\na, b := make(chan int, 1), make(chan string)\na <- %s\nselect {\ncase x := <-a:\nfmt.Println(\"a\", x)\ncase s, ok := <-b:\nfmt.Println(s, ok)\n}\nselect {\ncase <-a:\nfmt.Println(\"never\")\ndefault:\nfmt.Println(\"empty\")\n}\n}", g.expr("int", 1))
	case 8: // a goroutine that goes on answering
		g.top("type %s_req struct { n int; out chan int }", name)
		g.variable(name, "chan "+name+"_req", "make(chan "+name+"_req)")
		g.variable(name+"_sum", "int", g.expr("int", 1))
		g.both("go func() {\nfor q := range %s {\n%s_sum += q.n\nq.out <- %s_sum\n}\n}()", name, name, name)
		g.servers = append(g.servers, name)
	case 9:
		if len(g.servers) > 0 {
			s := pick(g, g.servers...)
			g.both("{\nout := make(chan int)\n%s <- %s_req{%s, out}\nfmt.Println(<-out)\n}", s, s, g.expr("int", 1))
		}
	case 10: // an interface, and values of it
		if g.types > 0 && len(g.shapes) < 2 {
			g.top("type %s_I interface { Sum(int) int }", name)
			g.shapes = append(g.shapes, name+"_I")
		}
		if len(g.shapes) > 0 {
			i, typ := pick(g, g.shapes...), fmt.Sprintf("%s_T0", g.p)
			v := "any(" + g.expr(typ, 1) + ").(" + i + ")"
			if g.r.IntN(2) == 0 {
				v = i + "(&" + typ + "{A: 3})"
			}
			g.variable(name, i, v)
			g.ifaces = append(g.ifaces, name)
		}
	case 11, 12:
		if len(g.ifaces) > 0 {
			v, w, typ := pick(g, g.ifaces...), pick(g, g.ifaces...), fmt.Sprintf("%s_T0", g.p)
			g.both("switch x := %s.(type) {\ncase %s:\nfmt.Println(\"value\", x.A, x.Sum(1))\ncase *%s:\nx.A++\nfmt.Println(\"pointer\", x.A, %s == %s)\ncase nil:\nfmt.Println(\"nil\")\ndefault:\nfmt.Println(\"other\", x.Sum(2))\n}", v, typ, typ, v, v)
			g.both("if p, ok := %s.(*%s); ok {\nq, ok := %s.(*%s)\nfmt.Println(ok && p == q, ok && %s == %s)\n}", v, typ, w, typ, v, w)
		}
	case 13: // a generic type
		if len(g.boxes) < 2 {
			g.top("type %s_B[T any] struct { v []T; n int }", name)
			g.top("func (b *%s_B[T]) Put(v T) int { b.v = append(b.v, v); if len(b.v) > 9 { b.v = b.v[5:] }; b.n++; return b.n }", name)
			g.top("func (b %s_B[T]) Last() (v T, ok bool) { if len(b.v) > 0 { return b.v[len(b.v)-1], true }; return }", name)
			g.boxes = append(g.boxes, name+"_B")
		}
		b, elem := pick(g, g.boxes...), pick(g, "int", "string", "[]int", "float64")
		g.variable(name, b+"["+elem+"]", b+"["+elem+"]{}")
		g.both("fmt.Println(%s.Put(%s))", name, g.expr(elem, 1))
		g.both("fmt.Println(%s.Last())", name)
	case 14: // a closure with a state of its own
		g.variable(name, "func() int", "func() func() int { n := "+g.expr("int", 1)+"; return func() int { n += 3; return n } }()")
		g.counters = append(g.counters, name)
	case 15:
		if len(g.counters) > 0 {
			c := pick(g, g.counters...)
			g.both("fmt.Println(%s(), %s())", c, c)
		}
		if vs := g.vars["int"]; len(vs) > 0 { // a pointer to a variable
			v := pick(g, vs...)
			g.variable(name, "*int", "&"+v)
			g.both("*%s += 2\nfmt.Println(%s, *%s == %s)", name, v, name, v)
			g.bodies += v
		}
	default: // a cell that fails half-way keeps what it did
		g.cut()
		g.both("%s", g.effect())
		fmt.Fprintf(&g.cell, "func() {\ndefer fmt.Println(\"deferred\")\npanic(\"stop\")\n}()\nfmt.Println(\"never\")\n")
		fmt.Fprintf(&g.main, "fmt.Println(\"deferred\")\n")
		g.fails[len(g.cells)] = true
		g.cut()
	}
}

// variable declares one that no expression uses by itself.
func (g *generator) variable(name, typ, x string) {
	fmt.Fprintf(&g.decls, "var %s %s\n", name, typ)
	if g.r.IntN(2) == 0 {
		fmt.Fprintf(&g.cell, "var %s %s = %s\n", name, typ, x)
	} else {
		fmt.Fprintf(&g.cell, "%s := %s\n", name, x)
	}
	fmt.Fprintf(&g.main, "%s = %s\n", name, x)
}

// retype declares a variable of an earlier cell again, with another type. The program has another variable for it. It
// must not be one that a function names: that would no longer compile.
func (g *generator) retype() {
	old := pick(g, "int", "string", "[]int")
	typ := map[string]string{"int": "string", "string": "[]int", "[]int": "int"}[old]
	for i, v := range g.vars[old] {
		if g.here[v] || strings.Contains(v, "x") || contained(g.bodies, v) {
			continue
		}
		x := g.expr(typ, 1)
		fresh := fmt.Sprintf("%sx%d", v, g.n)
		g.cut()
		g.vars[old] = append(g.vars[old][:i:i], g.vars[old][i+1:]...)
		fmt.Fprintf(&g.decls, "var %s %s\n", fresh, typ)
		fmt.Fprintf(&g.cell, "%s := %s(%s)\n", fresh, typ, x)
		fmt.Fprintf(&g.main, "%s = %s\n", fresh, x)
		g.vars[typ] = append(g.vars[typ], fresh)
		g.here[fresh] = true
		return
	}
}

// contained reports whether a text names v.
func contained(text, v string) bool {
	for {
		i := strings.Index(text, v)
		if i < 0 {
			return false
		}
		text = text[i+len(v):]
		if text == "" || text[0] < '0' || text[0] > '9' {
			return true
		}
	}
}
