package session

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestAutoGet checks that packages which cells import and nothing has are fetched, unless %noautoget says otherwise.
func TestAutoGet(t *testing.T) {
	host, _ := serve(t, txtar.Parse([]byte(`
-- proxy/example.org/a@v1.0.0/go.mod --
module example.org/a
-- proxy/example.org/a@v1.0.0/a.go --
package a

import _ "os/user" // it has C code

func A() string { return "a" }
-- proxy/example.org/b@v1.0.0/go.mod --
module example.org/b
-- proxy/example.org/b@v1.0.0/b.go --
package b

func B() string { return "b" }
`)))
	s := openIn(t, t.TempDir(), "")
	s.settings.noAutoGet = false
	code := func(text string) string { return strings.ReplaceAll(text, "example.org", host) }
	if got := must(t, s, code("import \"example.org/a\"\na.A()")); !strings.Contains(got, "golab: getting "+host+"/a (") ||
		!strings.Contains(got, host+"/a v1.0.0 added") || !strings.HasSuffix(got, "=> \"a\"\n") {
		t.Errorf("shows %q", got)
	}
	if got := must(t, s, "func f() int { return 3 }\nf()"); got != "=> 3\n" { // a cell without the module is linked as before
		t.Errorf("shows %q", got)
	}
	if got := must(t, s, "a.A()"); got != "=> \"a\"\n" {
		t.Errorf("shows %q", got)
	}
	for _, c := range []struct{ code, want string }{
		{"%noautoget\nimport \"example.org/b\"\nb.B()", "`%get example.org/b` gets its module"},
		{"%autoget\nimport \"example.org/c\"\nc.C()", "missing module: example.org/c can't be fetched"},
		{"import \"nodots/c\"\nc.C()", "compile error"},
	} {
		got, err := runCell(s, 2, code(c.code))
		if err == nil || !strings.Contains(got, code(c.want)) {
			t.Errorf("%s\nshows %q, want %q", c.code, got, c.want)
		}
	}
	if got := must(t, s, code("import \"example.org/b\"\nb.B()")); !strings.HasSuffix(got, "=> \"b\"\n") {
		t.Errorf("shows %q", got)
	}
	t.Setenv("GOPROXY", "off")
	s = openIn(t, t.TempDir(), "")
	s.settings.noAutoGet = false
	got, err := runCell(s, 1, "import \"nowhere.golab.test/x\"\nx.X()")
	if err == nil || err.Name != "missing module" || !strings.Contains(got, "GOPROXY=off") {
		t.Errorf("without network: %q", got)
	}
}
