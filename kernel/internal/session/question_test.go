package session

import (
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

// execute runs one cell and returns what it showed and how it ended.
func execute(s *Session, code string) (string, engine.Result) {
	tr := &transcript{}
	res := s.Execute(engine.Request{Code: code, Count: 9}, tr)
	return tr.String(), res
}

// TestQuestions asks about things as in IPython.
func TestQuestions(t *testing.T) {
	s := open(t)
	must(t, s, "type Point struct{ X, Y int }\n// Dist is how far.\nfunc (p Point) Dist(scale int) float64 { return 1.5 }\npt := Point{1, 2}")
	for code, want := range map[string][]string{
		"pt?":               {"var pt Point", "variable of cell[1]"},
		"?pt":               {"var pt Point"},
		"pt.Dist?":          {"func (p Point) Dist(scale int) float64\n", "Dist is how far.", "method of cell[1]"},
		"pt.Dist??":         {"// Dist is how far.\nfunc (p Point) Dist(scale int) float64 { return 1.5 }"},
		"Point?":            {"type Point struct{ X, Y int }", "func (Point).Dist(scale int) float64"},
		"strings.ToUpper?":  {"func strings.ToUpper(s string) string", "ToUpper returns s", "function of strings"},
		"strings.ToUpper??": {"// ToUpper returns s", "func ToUpper(s string) string {"},
		"strings?":          {"package strings", "Package strings implements"},
		"append?":           {"func append(slice []Type", "appends elements"},
		"for?":              {"for key, value := range x"},
		"?%time":            {"%time [CODE]", "run the cell"},
		"%time?":            {"%time [CODE]", "run the cell"},
		"%%?":               {"body of func main"},
		"?%get":             {"%get MODULE"},
		"?":                 {"%help"},
		"// which?\npt?\n":  {"var pt Point"},
	} {
		got, res := execute(s, code)
		if res.Err != nil || len(res.Payload) != 1 || res.Payload[0].Source != "page" || got != "" {
			t.Errorf("%q: %+v, shows %q", code, res, got)
			continue
		}
		page := res.Payload[0].Page
		for _, w := range want {
			if text, _ := page["text/plain"].(string); !strings.Contains(text, w) {
				t.Errorf("%q: no %q in %.300q", code, w, text)
			}
		}
		for _, m := range []string{"text/markdown", "text/html"} {
			if text, _ := page[m].(string); text == "" {
				t.Errorf("%q: no %s", code, m)
			}
		}
		if c := s.IsComplete(code); c.Status != "complete" {
			t.Errorf("%q is %s", code, c.Status)
		}
	}
	for _, code := range []string{"nobody?", "pt.Nothing?", "%nothing?", "?%nothing"} {
		if got, res := execute(s, code); res.Err != nil || res.Payload != nil || !strings.Contains(got, "nothing is known of "+strings.Trim(code, "?")) {
			t.Errorf("%q: %+v, shows %q", code, res, got)
		}
	}
	if got, _ := execute(s, "pt.X"); got != "=> 1\n" {
		t.Errorf("after that, pt.X shows %q", got)
	}
}

// TestTooltips checks what is shown of a name: as text, Markdown and HTML, of which nothing is markup that should be text.
func TestTooltips(t *testing.T) {
	s := open(t)
	must(t, s, "// Less tells <b>whether</b> x & y, see [Less] or [strings.Compare].\n//\n//   - one ```\n//   - two\nfunc Less[T int | string](x, y T) bool { return x < y }\nch := make(<-chan int)")
	for _, c := range []struct {
		code, mime string
		has, not   []string
	}{
		{"Less|", "text/plain", []string{"func Less[T int | string](x, y T) bool\n\nLess tells <b>whether</b> x & y, see Less or strings.Compare.\n\n  - one ```\n  - two\n\nfunction of cell[1]"}, nil},
		{"Less|", "text/html", []string{"<pre><code>func Less[T int | string](x, y T) bool</code></pre>", "&lt;b&gt;whether&lt;/b&gt; x &amp; y", `<a href="https://pkg.go.dev/strings#Compare">`, "<li>"}, []string{"<b>"}},
		{"Less|", "text/markdown", []string{"```go\nfunc Less", "[strings.Compare](https://pkg.go.dev/strings#Compare)", "*function of cell[1]*"}, []string{" <b>"}},
		{"Less(1, |", "text/plain", []string{"func Less["}, nil},
		{"ch|", "text/html", []string{"var ch &lt;-chan int"}, []string{"<-chan"}},
		{"http.Get|", "text/html", []string{`href="https://pkg.go.dev/net/http#Get"`, "func http.Get(url string) (resp *http.Response, err error)"}, nil},
		{"http.Client|", "text/plain", []string{"type Client struct {", "func (*http.Client).Do(req *http.Request)"}, nil},
		{"import \"encoding/j|son\"", "text/plain", []string{"package json // import \"encoding/json\""}, nil},
		{"%ti|me pt", "text/plain", []string{"%time [CODE]"}, nil},
		{"%time Le|ss", "text/plain", []string{"func Less["}, nil},
		{"%fmt|", "text/html", []string{"<code>%fmt</code>"}, nil},
		{"x := \"ü\"; Less|", "text/plain", []string{"func Less["}, nil},
		{"if true {\r\n\tLess|\r\n}", "text/plain", []string{"func Less["}, nil},
	} {
		before, after, _ := strings.Cut(c.code, "|")
		text, _ := s.Inspect(before+after, len(before), 0)[c.mime].(string)
		for _, w := range c.has {
			if !strings.Contains(text, w) {
				t.Errorf("%q, %s: no %q in %.400q", c.code, c.mime, w, text)
			}
		}
		for _, w := range c.not {
			if strings.Contains(text, w) {
				t.Errorf("%q, %s: %q in %.400q", c.code, c.mime, w, text)
			}
		}
	}
}

// TestFmt formats cells through their command.
func TestFmt(t *testing.T) {
	s := open(t)
	for code, want := range map[string]string{
		"%fmt\nx:=1\nif x>0{\nfmt.Println( x )}": "x := 1\nif x > 0 {\n\tfmt.Println(x)\n}",
		"%args -n 3\n%fmt\nx:=1\r\ny :=2":        "%args -n 3\n\nx := 1\ny := 2",
		"%fmt\nfunc f( ){}\n%%\nx:=1":            "func f() {}\n%%\nx := 1",
		"%fmt":                                   "",
	} {
		got, res := execute(s, code)
		if p := res.Payload; res.Err != nil || got != "" || len(p) != 1 || p[0].Source != "set_next_input" || !p[0].Replace || p[0].Text != want {
			t.Errorf("%q: %+v, shows %q, want %q", code, res, got, want)
		}
	}
	if got, res := execute(s, "%fmt\nx := (1"); res.Err == nil || res.Payload != nil || !strings.Contains(res.Err.Value, "cell[9]:2:") {
		t.Errorf("%+v, shows %q", res, got)
	}
	if _, res := execute(s, "%fmt now\nx := 1"); res.Err == nil || res.Payload != nil {
		t.Errorf("%+v", res)
	}
	if _, res := execute(s, "x"); res.Err == nil {
		t.Error("formatted code was run")
	}
}
