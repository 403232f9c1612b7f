package debug

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"testing"

	"golab/kernel/internal/pipe"
)

// TestMurmur2 compares with what ipykernel's murmur2_x86 (compiler.py) and JupyterLab's
// murmur2 (packages/debugger/src/hash.ts) make of the texts.
func TestMurmur2(t *testing.T) {
	for text, want := range map[string]uint32{
		"":                  3990065800,
		"a":                 2167009006,
		"ab":                2805137849,
		"abc":               3350977461,
		"abcd":              804720481,
		"x := 5\ny := f(x)": 3355221317,
		"größe := 1 // 世界":  2812772791,
	} {
		if got := murmur2([]byte(text), hashSeed); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		`nb.Point {X: 1}`:                         `Point {X: 1}`,
		`[]*nb.Pointʼ2 len: 1`:                    `[]*Point len: 1`,
		`map[nb.K]nb.V ["nb.x \" nb.y": nb.V {}]`: `map[K]V ["nb.x \" nb.y": V {}]`,
		`golab.local/2/example.org/nb.T`:          `example.org/nb.T`,
		`xnb.T "unfinished`:                       `xnb.T "unfinished`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPanicValue(t *testing.T) {
	for in, want := range map[string]string{
		`interface {}(string) "boom"`: "boom",
		`interface {}(runtime.boundsError) {x: 5, y: 2, signed: true, code: abi.BoundsIndex (0)}`: "index out of range [5] with length 2",
		`interface {}(int) 7`:          "int 7",
		`interface {}(nb.E) {Code: 3}`: "E {Code: 3}",
	} {
		if got := panicValue(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestCodeLines(t *testing.T) {
	text := "\n// a comment\nimport \"fmt\"\n\ntype T struct {\n\tA int\n}\nx := f(\n\t1,\n)\nfunc g() {\n\ty := 1 // one\n\n\t_ = y\n}\n"
	if got := codeLines(text); !slices.Contains(got, 8) || !slices.Contains(got, 12) || !slices.Contains(got, 14) || slices.Contains(got, 2) || slices.Contains(got, 3) || slices.Contains(got, 13) {
		t.Errorf("got %v", got)
	}
}

// TestSymbolFile reads the file with Go's own readers, as Delve does.
func TestSymbolFile(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(symbolFile(map[string]uint64{"runtime.allgs": 1<<64 - 16})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Symbols(); err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Error(err)
	}
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	r := d.Reader()
	unit, err := r.Next()
	if err != nil || unit.Tag != dwarf.TagCompileUnit || !strings.HasPrefix(unit.Val(dwarf.AttrProducer).(string), "Go cmd/compile go1.") || unit.Val(dwarf.AttrLanguage) != int64(0x16) {
		t.Fatalf("unit: %v, %v", unit, err)
	}
	v, err := r.Next()
	if err != nil || v.Val(dwarf.AttrName) != "runtime.allgs" || !bytes.Equal(v.Val(dwarf.AttrLocation).([]byte), []byte{3, 0xf0, 255, 255, 255, 255, 255, 255, 255}) {
		t.Fatalf("variable: %v, %v", v, err)
	}
}

func TestRefused(t *testing.T) {
	err := refused(errors.New("Failed to attach: could not attach to pid 7: operation not permitted - this could be caused by a kernel security setting, try writing \"0\" to /proc/sys/kernel/yama/ptrace_scope"), &pipe.Traced{})
	if !strings.Contains(err.Error(), "does not permit") || !strings.Contains(err.Error(), "SYS_PTRACE") || strings.Contains(err.Error(), "try writing") {
		t.Error(err)
	}
}
