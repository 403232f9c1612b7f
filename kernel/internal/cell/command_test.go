package cell

import (
	"strings"
	"testing"
)

func testForm(name string) Form {
	switch name {
	case "time":
		return Form{Code: true}
	case "bash":
		return Form{Body: true}
	}
	return Form{}
}

// TestCutCommands checks what lines are commands, and what is left of the cell.
func TestCutCommands(t *testing.T) {
	for _, c := range []struct{ text, cmds, code string }{
		{"%a b  c ", "a[b  c]", ""},
		{"  %a\n\t%b\nx", "a[] b[]", "\n\nx"},
		{"x := 1\n%a\ny", "a[]", "x := 1\n\ny"},
		{"x := 1\n  %a\ny", "", "x := 1\n  %a\ny"},
		{"!ls \\\n  -l\nx", "![ls    -l]", "\n\nx"},
		{"!*go get x", "!*[go get x]", ""},
		{"! * ls", "!*[ls]", ""},
		{"%time f(x)\ny", "time[f(x)]", "f(x)\ny"},
		{"%time\nf()", "time[]", "\nf()"},
		{"%%bash -x\na\n%b", "bash[-x]{a\n%b}", "\n\n"},
		{"x\n%%bash\na", "bash[]", "x\n\na"},
		{"%bash\na", "bash[]", "\na"},
		{"var x int\n%% --x=3\nf()\n%a", "%[--x=3] a[]", "var x int\n%%\nf()\n"},
		{"%main a b\nx", "%[a b]", "%%\nx"},
		{"//gonb:%%\nx", "%[]", "%%\nx"},
		{"//gonb:!ls \\\n//gonb:-l\nx", "![ls  -l]", "\n\nx"},
		{"// gonb:%a\n/*\n%a\n!b\n*/ x\n`\n%a\n`", "", "// gonb:%a\n/*\n%a\n!b\n*/ x\n`\n%a\n`"},
		{"a +\n%b\nf(\n!c,\n!d)", "", "a +\n%b\nf(\n!c,\n!d)"},
		{"a\n!= b\na\n%= b", "", "a\n!= b\na\n%= b"},
		{"func f() {\n%a\n}", "a[]", "func f() {\n\n}"},
		{"%", "", "%"},
		{"!\nx", "", "!\nx"},
		{"x // %\n%a", "a[]", "x // %\n"},
		{"%a?\n%%?", "a?[] %?[]", "\n"},
		{"é := \"%\"\n%a é", "a[é]", "é := \"%\"\n"},
		{"'\n%a", "a[]", "'\n"},
		{"", "", ""},
	} {
		cmds, code := CutCommands(c.text, testForm)
		var got []string
		for _, cmd := range cmds {
			s := cmd.Name + "[" + cmd.Args + "]"
			if cmd.Whole {
				s += "{" + cmd.Body + "}"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != c.cmds {
			t.Errorf("%q has the commands %q, want %q", c.text, strings.Join(got, " "), c.cmds)
		}
		if len(code) != len(c.text) {
			t.Errorf("%q: the code is %d bytes long, not %d", c.text, len(code), len(c.text))
		}
		tidy := trimmed(code)
		if tidy != trimmed(c.code) {
			t.Errorf("%q leaves the code %q, want %q", c.text, tidy, c.code)
		}
	}
}

// trimmed is text without spaces around its lines.
func trimmed(text string) string {
	var list []string
	for _, line := range strings.Split(text, "\n") {
		list = append(list, strings.TrimSpace(line))
	}
	return strings.Join(list, "\n")
}

// FuzzCutCommands checks that no place moves, whatever is in a cell.
func FuzzCutCommands(f *testing.F) {
	for _, s := range []string{"%a\n!b\\\nc", "`\n%a", "%%bash\nx", "//gonb:%%\nx", "x +\n!y", "%time f(\n%a", "\x00%a\xff\n!b", "%time x\\\ny", "%%\\\n%%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cmds, code := CutCommands(text, testForm)
		if len(code) != len(text) {
			t.Fatalf("%d bytes of code for %d", len(code), len(text))
		}
		for i := range code {
			if (code[i] == '\n') != (text[i] == '\n') {
				t.Fatalf("line ends moved: %q", code)
			}
			if code[i] != text[i] && code[i] != ' ' && code[i] != '%' {
				t.Fatalf("other code: %q", code)
			}
		}
		for _, c := range cmds {
			if c.Line < 1 || c.Line > strings.Count(text, "\n")+1 || c.Start < 0 || c.End < c.Start || c.End > len(text) || c.Start > 0 && text[c.Start:c.End] != c.Args {
				t.Fatalf("%+v", c)
			}
		}
		blockLine(code)
	})
}
