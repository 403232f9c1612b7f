package retype

import (
	"container/list"
	"fmt"
	"reflect"
	"runtime"
	"testing"
)

// old and young have the same layout; young has a method more.
type old struct {
	n    int
	next any
	s    string
}

type young struct {
	n    int
	next any
	s    string
}

func (y young) String() string { return fmt.Sprintf("young %d %s", y.n, y.s) }

type (
	oldPtr   struct{ p *int }
	youngPtr struct{ p *int }
)

type node struct {
	next *node
	v    any
}

type namer interface{ Name() string }

func (o old) Name() string { return o.s }

func walk(maps bool, roots ...any) int {
	var vs []reflect.Value
	for _, r := range roots {
		vs = append(vs, reflect.ValueOf(r).Elem())
	}
	to := map[reflect.Type]reflect.Type{reflect.TypeFor[old](): reflect.TypeFor[young](), reflect.TypeFor[oldPtr](): reflect.TypeFor[youngPtr]()}
	return Walk(vs, to, reflect.TypeFor[old]().PkgPath(), maps)
}

func TestWalk(t *testing.T) {
	x := &old{n: 5, s: "in a pointer"}
	x.next = x // a cycle
	var direct, pointer, inner any = old{n: 1, s: "direct"}, x, &[]any{old{n: 2, next: old{n: 3, s: "deep"}, s: "inner"}}
	m := map[any]any{old{n: 4, s: "key"}: []any{old{n: 6, s: "value"}}}
	anon := struct {
		a int
		b []struct{ hidden any }
	}{b: []struct{ hidden any }{{old{n: 7, s: "hidden"}}}}
	k := 8
	var shaped any = oldPtr{&k}
	chain := &node{next: &node{v: old{n: 8, s: "chain"}}}
	var named namer = old{s: "named"}
	foreign := list.New()
	foreign.PushBack(old{})
	n := walk(true, &direct, &pointer, &inner, &m, &anon, &shaped, &named, &foreign, &chain)
	runtime.GC()
	for i, got := range []any{direct, *(pointer.(*young)), (*inner.(*[]any))[0], (*inner.(*[]any))[0].(young).next, anon.b[0].hidden, chain.next.v} {
		if y, ok := got.(young); !ok || y.s == "" {
			t.Errorf("%d: %T %v", i, got, got)
		}
	}
	if p := pointer.(*young); p.next.(*young) != p {
		t.Errorf("the cycle is broken: %v", p)
	}
	if v := m[young{n: 4, s: "key"}].([]any)[0]; v.(young).n != 6 || len(m) != 1 {
		t.Errorf("map %v", m)
	}
	if *shaped.(youngPtr).p != 8 {
		t.Errorf("pointer-shaped %v", shaped)
	}
	if _, ok := named.(old); !ok {
		t.Errorf("an interface that young does not implement holds %T", named)
	}
	if _, ok := foreign.Front().Value.(old); !ok {
		t.Errorf("looked into another package's type")
	}
	if n != 10 {
		t.Errorf("changed %d", n)
	}
}

func TestWalkWithoutMaps(t *testing.T) {
	m := map[int]any{1: old{}}
	if n := walk(false, &m); n != 0 {
		t.Errorf("changed %d", n)
	}
}
