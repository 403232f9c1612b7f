package variables

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func look[T any](x T, busy bool) Info { return Look(reflect.ValueOf(&x).Elem(), busy) }

type pair struct {
	a any
	b string
}

func TestLook(t *testing.T) {
	long := strings.Repeat("x", 1000)
	manyKeys := map[int]bool{}
	for i := range 100 {
		manyKeys[i] = true
	}
	var e error
	for _, c := range []struct {
		got                Info
		value, shape, size any
	}{
		{look(true, false), "true", "", 1},
		{look(3+4i, false), "(3+4i)", "", 16},
		{look(float32(0.1), false), "0.1", "", 4},
		{look(math.NaN(), false), "NaN", "", 8},
		{look("a\nb", false), `"a\nb"`, "3 characters", 19},
		{look("", false), `""`, "0 characters", 16},
		{look("\xff", false), `"\xff"`, "1 byte", 17},
		{look(long, false), nil, "1000 characters", 1016},
		{look([]int(nil), false), "[]int(nil)", "0 items", 24},
		{look([]int{7}, false), "[]int{7}", "1 item", 32},
		{look([2][3]int{}, false), "[2][3]int{{0, 0, 0}, {0, 0, 0}}", "2×3", 48},
		{look([][][]int{{{1}, {2}}}, false), "[][][]int{{{1}, {2}}}", "1×2×1", 24 + 24 + 48 + 16},
		{look([][]int{{}, {1}}, false), "[][]int{{}, {1}}", "2 rows", 80},
		{look([]byte{0, 255}, false), "[]uint8{0, 255}", "2 bytes", 26},
		{look(map[string]int{}, false), "map[string]int{}", "0 entries", nil},
		{look(map[int]int{10: 1, 9: 2, -1: 0}, false), "map[int]int{-1: 0, 9: 2, 10: 1}", "3 entries", nil},
		{look(map[int]int{10: 1}, true), "map[int]int{…}", "1 entry", nil},
		{look(manyKeys, false), "map[int]bool{…}", "100 entries", nil},
		{look(e, false), "nil", "", 16},
		{look(errors.New("broken\nfurther"), false), "broken …", "", 16 + 16 + 14},
		{look(time.Second, true), "1s", "", 8},
		{look(pair{a: []string{"x"}, b: "y"}, false), `variables.pair{…}`, "", nil}, // another package's: its fields are its own
		{look(struct{ a, B any }{1, nil}, false), "{a: 1, B: nil}", "", 40},
		{look(&[]int{1, 2}, false), "&[]int{1, 2}", "2 items", 8 + 24 + 16},
		{look((*int)(nil), false), "nil", "", 8},
		{look(any([]int{1}), false), "[]int{1}", "1 item", 16 + 24 + 8},
		{look(func() {}, false), "func()", "", 8},
		{look(make(chan int, 2), false), "chan int (0 of 2)", "0 of 2", 24},
		{look(unsafe.Pointer(nil), false), "unsafe.Pointer(0x0)", "", 8},
	} {
		if c.value != nil && c.got.Value != c.value || c.got.Shape != c.shape || c.size != nil && c.got.Size != int64(c.size.(int)) {
			t.Errorf("%+v, want %v, %q, %v", c.got, c.value, c.shape, c.size)
		}
	}
	if v := look(long, false).Value; !strings.HasSuffix(v, "…") || len([]rune(v)) != maxLine {
		t.Error(v)
	}
}

type selfish struct{ next *selfish }

func TestCycles(t *testing.T) {
	x := &selfish{}
	x.next = x
	if i := look(x, false); i.Size != 16 {
		t.Errorf("%+v", i)
	}
	var a any
	a = &a
	look(a, false)
	s := []any{nil}
	s[0] = s
	if i := look(s, false); i.Shape != "1 item" || i.Value == "" {
		t.Errorf("%+v", i)
	}
	deep := &selfish{}
	for range 1_000_000 {
		deep = &selfish{deep}
	}
	if i := look(deep, false); i.Size <= 0 {
		t.Errorf("%+v", i)
	}
}

// TestWild looks at memory that does not hold what it should.
func TestWild(t *testing.T) {
	bad := *(*string)(unsafe.Pointer(&[2]uintptr{8, 1 << 40}))
	if i := look(bad, true); i.Value != changing {
		t.Errorf("%+v", i)
	}
	far := *(*[]int)(unsafe.Pointer(&[3]uintptr{1 << 44, 10, 10}))
	if i := look(far, true); i.Value != changing {
		t.Errorf("%+v", i)
	}
}

// TestWritten looks at variables that other goroutines write all the time; the race detector would rightly object.
func TestWritten(t *testing.T) {
	if raceEnabled {
		t.Skip("reads what others write, on purpose")
	}
	var (
		s    = []int{1}
		text = "a"
		x    any
		m    = map[int]int{}
		stop = make(chan bool)
		all  sync.WaitGroup
	)
	all.Go(func() {
		long, longText := make([]int, 1<<16), strings.Repeat("b", 1<<16)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			m[i%100] = i
			if i%2 == 0 {
				s, text, x = long, longText, &long
			} else {
				s, text, x = []int{i}, "a", i
			}
		}
	})
	for range 20_000 {
		Look(reflect.ValueOf(&s).Elem(), true)
		Look(reflect.ValueOf(&text).Elem(), true)
		Look(reflect.ValueOf(&x).Elem(), true)
		if i := Look(reflect.ValueOf(&m).Elem(), true); !strings.Contains(i.Shape, "entr") {
			t.Fatalf("%+v", i)
		}
	}
	close(stop)
	all.Wait()
}
