package session

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golab/kernel/internal/build"
)

// openWith starts a session in a folder with these files.
func openWith(t *testing.T, files map[string]string) (s *Session, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Options{Open: build.Open, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

// TestEmbed runs cells with //go:embed in a folder with files.
func TestEmbed(t *testing.T) {
	s, dir := openWith(t, map[string]string{
		"a.txt": "text of a", "b.txt": "text of b", "with space.txt": "spaced", "data/one.csv": "1,2", "data/sub/two.csv": "3",
		"data/.hidden": "h", "data/_private": "p", "mod/go.mod": "module m", "mod/x.txt": "x", "empty/.keep": "",
	})
	if err := os.Symlink("a.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	const names = "\nvar names []string\nfs.WalkDir(files, \".\", func(p string, d fs.DirEntry, err error) error { if !d.IsDir() { names = append(names, p) }; return err })\nstrings.Join(names, \" \")"
	for _, c := range []struct{ name, code, want string }{
		{"string", "//go:embed a.txt\nvar text string\ntext", `^=> "text of a"\n$`},
		{"later cell", "text + \"!\"", `^=> "text of a!"`},
		{"bytes", "import _ \"embed\"\n\n//go:embed b.txt\n\n// a comment\nvar raw []byte\nraw[0] = 'T'\nstring(raw)", `^=> "Text of b"`},
		{"named type", "type Text string\n//go:embed a.txt\nvar named Text\nnamed", `^=> "text of a"`},
		{"function", "//go:embed b.txt\nvar inFunc string\nfunc show() string { return inFunc }\nshow()", `^=> "text of b"`},
		{"group", "var (\n\tn = 3\n\t//go:embed a.txt\n\tfirst string\n\t//go:embed \"with space.txt\"\n\tsecond string\n)\nfirst + second", `^=> "text of aspaced"`},
		{"files", "//go:embed *.txt data\nvar files embed.FS" + names, `does not match|cannot embed irregular file link.txt`},
		{"files of several lines", "//go:embed a.txt b.txt\n//go:embed `with space.txt` data\nvar files embed.FS" + names, `^=> "a.txt b.txt data/one.csv data/sub/two.csv with space.txt"`},
		{"hidden files", "//go:embed all:data\nvar files embed.FS" + names, `^=> "data/.hidden data/_private data/one.csv data/sub/two.csv"`},
		{"files in a later cell", "must := func(b []byte, err error) string { return string(b) }\nmust(files.ReadFile(\"data/one.csv\"))", `^=> "1,2"`},
		{"no match", "\n//go:embed none.txt\nvar none string", `cell\[1\]:2:1: pattern none.txt: no matching files found`},
		{"outside", "//go:embed ../x.txt\nvar none string", `cell\[1\]:1:1: pattern ../x.txt: invalid pattern syntax`},
		{"absolute", "//go:embed /etc/passwd\nvar none string", `pattern /etc/passwd: invalid pattern syntax`},
		{"bad pattern", "//go:embed [a\nvar none string", `cell\[1\]:1:1: pattern \[a: syntax error in pattern`},
		{"another module", "//go:embed mod/x.txt\nvar none string", `cannot embed file mod/x.txt: in different module`},
		{"empty folder", "//go:embed empty\nvar files2 embed.FS", `cannot embed directory empty: contains no embeddable files`},
		{"symbolic link", "//go:embed link.txt\nvar none string", `cannot embed irregular file link.txt`},
		{"several files", "//go:embed a.txt b.txt\nvar none string", `cell\[1\]:1:1: invalid go:embed: multiple files`},
		{"type", "//go:embed a.txt\nvar none int", `cell\[1\]:1:1: go:embed cannot apply to var of type int`},
		{"two variables", "//go:embed a.txt\nvar none, none2 string", `go:embed cannot apply to multiple vars`},
		{"initializer", "//go:embed a.txt\nvar none = \"x\"", `go:embed cannot apply to var with initializer`},
		{"no pattern", "//go:embed\nvar none string", `usage: //go:embed PATTERN`},
		{"short declaration", "//go:embed a.txt\nnone := \"\"", `cell\[1\]:1:1: misplaced go:embed directive(.|\n)*hint: it stands directly above`},
		{"above other code", "//go:embed a.txt\nfmt.Println()\nvar none string", `misplaced go:embed directive`},
		{"in a function", "func f() {\n\t//go:embed a.txt\n\tvar none string\n}", `cell\[1\]:2:2: misplaced go:embed directive`},
		{"in a block", "%%\n//go:embed a.txt\nvar none string", `misplaced go:embed directive`},
		{"above a group", "//go:embed a.txt\nvar (\n\tnone string\n)", `misplaced go:embed directive`},
		{"nothing", "//go:embed a.txt", `the variable for go:embed is missing`},
		{"not declared", "none", `undefined: none`},
	} {
		if got, _ := runCell(s, 1, c.code); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: %s\nshows\n%s", c.name, c.code, got)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("new text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := must(t, s, "text"); got != "=> \"text of a\"\n" {
		t.Errorf("a change of the file shows: %s", got)
	}
	if got := must(t, s, "//go:embed a.txt\nvar text string\ntext"); got != "=> \"new text\"\n" {
		t.Errorf("run again, the cell shows %s", got)
	}
	for code, want := range map[string]string{"//go:embed a.txt": "incomplete", "//go:embed a.txt\nvar text string": "complete"} {
		if got := s.IsComplete(code); got.Status != want {
			t.Errorf("%s is %s", code, got.Status)
		}
	}
	if needRace() == nil {
		got, err := runCell(s, 1, "%race\n//go:embed b.txt data\nvar own embed.FS\nb, err := own.ReadFile(\"data/one.csv\")\nfmt.Println(string(b), err, text, string(raw), len(names))")
		if err != nil || !regexp.MustCompile(`(?m)^1,2 <nil> new text text of b 0$`).MatchString(got) {
			t.Errorf("%%race shows\n%s", plainText(got))
		}
	}
}
