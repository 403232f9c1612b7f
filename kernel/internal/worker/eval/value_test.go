package eval

import (
	"reflect"
	"runtime"
	"testing"
	"unsafe"
)

type hidden struct {
	n    int
	list []string
}

type holder struct {
	hidden
	N int
}

// TestValues checks what value.go takes reflect to do.
func TestValues(t *testing.T) {
	if !known {
		t.Fatal("reflect.Value has another layout: nothing is evaluated")
	}
	h := holder{hidden{7, []string{"a"}}, 8}
	v := at(reflect.TypeFor[holder](), unsafe.Pointer(&h))
	if v != reflect.ValueOf(&h).Elem() {
		t.Errorf("at is %#v, not %#v", v, reflect.ValueOf(&h).Elem())
	}
	for i, path := range [][]int{{0}, {0, 0}, {0, 1}, {1}} {
		f := v
		for _, i := range path {
			f = open(f.Field(i))
		}
		if !f.CanSet() || !f.CanInterface() {
			t.Errorf("field %d can't be used", i)
		}
	}
	open(open(v.Field(0)).Field(0)).SetInt(9)
	if h.n != 9 {
		t.Error("a field is not set")
	}
}

// TestAllocate makes variables of values of all shapes and lets the collector look at them.
func TestAllocate(t *testing.T) {
	type pair struct{ a, b *int }
	n := 5
	same := func(want any) {
		t.Helper()
		v := reflect.ValueOf(want)
		p := allocate(v.Type(), v)
		for range 3 {
			runtime.GC()
		}
		if got := at(v.Type(), p); !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("%T: %v became %v", want, want, got)
		}
		at(v.Type(), p).SetZero()
		if !reflect.DeepEqual(v.Interface(), want) {
			t.Errorf("%T: the variable shares the memory of its first value", want)
		}
	}
	same(n)
	same(&n)
	same("text")
	same([]int{1, 2})
	same(map[string]int{"a": 1})
	same(pair{&n, nil})
	same(struct{ p *int }{&n})
	same([1]*int{&n})
	same([3]string{"a", "b", "c"})
	same(struct{}{})
	same(3 + 4i)

	var err error = &reflect.ValueError{Method: "m"}
	p := allocate(reflect.TypeFor[error](), reflect.ValueOf(&err).Elem())
	runtime.GC()
	if *(*error)(p) != err {
		t.Error("an error became another")
	}
	var x any = n
	p = allocate(reflect.TypeFor[any](), reflect.ValueOf(&x).Elem())
	runtime.GC()
	if *(*any)(p) != x {
		t.Error("an any became another")
	}
	zero := reflect.Zero(reflect.TypeFor[[64]int]())
	p = allocate(zero.Type(), zero)
	(*[64]int)(p)[3] = 1
	if zero.Index(3).Int() != 0 {
		t.Error("a variable shares the memory of all zero values")
	}
}
