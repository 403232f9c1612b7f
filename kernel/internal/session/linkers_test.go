package session

import (
	"os"
	"path/filepath"
	"testing"

	"golab/kernel/internal/build"
)

// TestLinkers runs cells on a base made from nothing by each linker, in folders whose names need quoting.
func TestLinkers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles every package again for the stock linker")
	}
	for _, linker := range []string{"shared", "stock"} {
		t.Run(linker, func(t *testing.T) {
			odd := filepath.Join(t.TempDir(), "my cäche 缓存")
			if err := os.MkdirAll(filepath.Join(odd, "tmp"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv(build.LinkerEnv, linker)
			t.Setenv("GOLAB_CACHE", odd)
			t.Setenv("TMPDIR", filepath.Join(odd, "tmp"))
			s := open(t)
			must(t, s, "type T struct{ n int }\nfunc (t *T) Inc() int { t.n++; return t.n }\nfunc f() int { return 1 }\nv := &T{}\nold := func() int { return f() }")
			if got := must(t, s, "func f() int { return 2 }\nvar any1 any = v\nany1.(*T).Inc() + old()"); got != "=> 3\n" {
				t.Errorf("shows %s", got)
			}
			if got := must(t, s, "df := datasets.Iris()\ndf.Nrow()"); got != "=> 150\n" {
				t.Errorf("shows %s", got)
			}
			if err := interrupted(t, s, `fmt.Println("go"); for { v.n++ }`); err == nil || err.Name != "interrupted" {
				t.Errorf("interrupt: %v", err)
			}
			if out, err := runCell(s, 5, "var p *T\np.n = 1"); err == nil || err.Name != "panic" {
				t.Errorf("panic: %s", out)
			}
		})
	}
}
