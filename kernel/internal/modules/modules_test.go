package modules

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestNamed checks that a copied file stands in the user's, line by line, and is for the same systems.
func TestNamed(t *testing.T) {
	for _, src := range []string{
		"package p\nvar X int\n",
		"// Doc.\npackage p // why\n\nvar X int\n",
		"/* Licence\n*/\n//go:build linux\n\npackage p\nvar X int\n",
		"//go:build linux\n// +build linux\n\n// Doc.\npackage p\nvar X int\n",
		"//go:build linux\npackage p\nvar X int\n",
		"\xef\xbb\xbfpackage p\r\nvar X int\r\n",
	} {
		got := string(named("/home/u/p.go", []byte(src)))
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "copy.go", got, 0)
		if err != nil {
			t.Errorf("%q: %v", got, err)
			continue
		}
		pos := f.Scope.Lookup("X").Pos()
		at, there := fset.Position(pos), fset.PositionFor(pos, false)
		line := strings.Count(src[:strings.Index(src, "var X")], "\n") + 1
		if at.Filename != "/home/u/p.go" || at.Line != line || there.Line != line || at.Column != 5 {
			t.Errorf("%q: X is at %v, and at %v of the copy", got, at, there)
		}
		if strings.HasPrefix(src, "//go:build") != strings.HasPrefix(got, "//go:build") {
			t.Errorf("%q: the constraint does not begin the file", got)
		}
	}
}

func TestFields(t *testing.T) {
	for s, want := range map[string][]string{
		"a.txt":                   {"a.txt"},
		` "a b.txt"  c/* ` + "\t": {"a b.txt", "c/*"},
		"`x y` all:d":             {"x y", "all:d"},
		"":                        nil,
	} {
		if got := fields(s); !slices.Equal(got, want) {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestNoVersion(t *testing.T) {
	for path, want := range map[string]string{"example.org/x": "v0.0.0", "example.org/x/v2": "v2.0.0", "example.org/x/v12": "v12.0.0", "example.org/v1": "v0.0.0", "x": "v0.0.0"} {
		if got := noVersion(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestRelative(t *testing.T) {
	for dir, want := range map[string]string{"/a/b/c": "./c", "/a/b": "./.", "/a/x": "../x", "/": "../.."} {
		if got := relative("/a/b", dir); got != want {
			t.Errorf("%s: %s", dir, got)
		}
	}
}
