package cell

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, cell, want string }{
		{"statements", "x:=1\ny :=x+ 2;z:=3\n\n\n\nx", "x := 1\ny := x + 2\nz := 3\n\nx"},
		{"one line", "  fmt.Println( 1,2 )  ", "fmt.Println(1, 2)"},
		{"declarations", "type P struct{X int;  Y string}\nfunc (p P) M( ) int {return p.X}", "type P struct {\n\tX int\n\tY string\n}\n\nfunc (p P) M() int { return p.X }"},
		{"mixed", "import \"fmt\"\n// f adds.\nfunc f(a,b int)int{\nreturn a+b\n}\nx:=f(1,2) // shown\n\n// the end\nfmt.Println( x )\nfunc g(){}\nx",
			"import \"fmt\"\n\n// f adds.\nfunc f(a, b int) int {\n\treturn a + b\n}\nx := f(1, 2) // shown\n\n// the end\nfmt.Println(x)\nfunc g() {}\nx"},
		{"list of values", "x,err:=f()\nx,  err", "x, err := f()\nx,  err"},
		{"commands", "%get example.org/x@v1\n%time\nx:=1\n", "%get example.org/x@v1\n%time\nx := 1"},
		{"command with code", "%time f( 1 )\ny:=2", "%time f(1)\ny := 2"},
		{"command with much code", "%time  func(){\nf( 1 )\n}()\ny:=2", "%time func() {\n\tf(1)\n}()\ny := 2"},
		{"commands between", "x:=1\n!ls \\\n   -l\ny:=2\n%who\n", "x := 1\n!ls \\\n   -l\ny := 2\n%who"},
		{"call of a literal", "func(){\nf( 1 )\n}()", "func() {\n\tf(1)\n}()"},
		{"block", "import \"os\"\n%%\nx:=1\nif x>0 {\nos.Exit( 1 )\n}", "import \"os\"\n%%\nx := 1\nif x > 0 {\n\tos.Exit(1)\n}"},
		{"block with arguments", "%% -n 3\nx:=1", "%% -n 3\nx := 1"},
		{"package", "package main\nimport \"fmt\"\nfunc main(){fmt.Println( 1 )}", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(1) }"},
		{"raw string", "s:=`a\n  b\n\n\n c`", "s := `a\n  b\n\n\n c`"},
		{"only comments", "//  nothing", "//  nothing"},
		{"comments", "x:=1 /* a */\n/* b */ y:=2", "x := 1 /* a */\n/* b */ y := 2"},
		{"same line", "x:=1;func f(){};y:=2", "x := 1\nfunc f() {}\ny := 2"},
		{"generic", "func Map[T,U any](xs []T,f func(T)U) []U {return nil}\nMap([]int{1},func(i int)int{return i})", "func Map[T, U any](xs []T, f func(T) U) []U { return nil }\nMap([]int{1}, func(i int) int { return i })"},
		{"chain", "df.\n  Filter( 1 ).\n      Sum()", "df.\n\tFilter(1).\n\tSum()"},
		{"unicode", "größe:=1\nπ:= \"µ\"", "größe := 1\nπ := \"µ\""},
		{"nothing", "\n \n", ""},
	} {
		_, code := CutCommands(c.cell, func(name string) Form { return Form{Code: name == "time"} })
		got, err := Format(&Source{Name: "cell[1]", Text: code}, c.cell)
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n got %q\nwant %q", c.name, err, got, c.want)
			continue
		}
		_, code = CutCommands(got, func(name string) Form { return Form{Code: name == "time"} })
		if again, err := Format(&Source{Name: "cell[1]", Text: code}, got); err != nil || again != got {
			t.Errorf("%s: formatted again: %v\n got %q\nwant %q", c.name, err, again, got)
		}
	}
	for cell, want := range map[string]string{
		"x:=1\ny:= (":                   "cell[1]:2:",
		"%time\n\nx:=1\nfunc f( {}":     "cell[1]:4:",
		"x := )":                        "cell[1]:1:6:",
		"x:=1\n%%\ny:=2\nfor {\nz:= +}": "cell[1]:5:",
	} {
		_, code := CutCommands(cell, func(string) Form { return Form{} })
		if got, err := Format(&Source{Name: "cell[1]", Text: code}, cell); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want %s", cell, got, err, want)
		}
	}
}

func TestAsQuestion(t *testing.T) {
	for text, want := range map[string]Question{
		"x?": {"x", 0}, "?x": {"x", 0}, "x??": {"x", 1}, "??x": {"x", 1}, " df.Col ?": {"df.Col", 0}, "?%time": {"%time", 0},
		"??%%time": {"%%time", 1}, "%time?": {"%time", 0}, "%%time??": {"%%time", 1}, "%%?": {"%%", 0}, "// what is\n\nmlx.Dense?\n": {"mlx.Dense", 0}, "for?": {"for", 0}, "?": {"", 0}, "größe?": {"größe", 0},
		"f(1)?": {"f(1)", 0}, "f(1).X[2]??": {"f(1).X[2]", 1}, "x?\r\n": {"x", 0},
	} {
		if got, ok := AsQuestion(text); !ok || got != want {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "x", "// x?", "\"x?", "x := 1\nx?", "x ? y : z?", "!ls ?", "!x?", "x???", "a + b?", "%time f?", "`\nx?\n`", "'?'", "x? // y"} {
		if got, ok := AsQuestion(text); ok {
			t.Errorf("%q: got %v", text, got)
		}
	}
	for text, want := range map[string]int{"x?": 0, "df.Col(1)?": 3, "f(a.b)[0]?": 0, "x.y.z?": 4} {
		if q, _ := AsQuestion(text); q.Cursor() != want {
			t.Errorf("%q: at %d", text, q.Cursor())
		}
	}
}
