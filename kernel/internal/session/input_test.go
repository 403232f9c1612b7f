package session

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golab/kernel/internal/engine"
)

// person answers with lines, and writes down what it was asked.
type person struct {
	transcript
	lines []string
}

func (p *person) input(_ context.Context, prompt string, password bool) (string, error) {
	if password {
		prompt += "(hidden)"
	}
	if len(p.lines) == 0 {
		return "", errors.New("nobody answers")
	}
	l := p.lines[0]
	p.lines = p.lines[1:]
	p.Stream("stdout", "⟨"+prompt+l+"⟩")
	return l, nil
}

func runWith(s *Session, code string, lines ...string) string {
	p := &person{lines: lines}
	if err := s.Execute(engine.Request{Code: code, Count: 1, Input: p.input}, p).Err; err != nil {
		p.line("error: " + err.Name + ": " + err.Value)
	}
	return p.String()
}

func TestInput(t *testing.T) {
	s := open(t)
	for _, c := range []struct {
		code, lines, want string
	}{
		{`var a, b int; fmt.Print("two: "); n, err := fmt.Scan(&a, &b); fmt.Println(n, err, a+b)`, "1|2", "two: ⟨1⟩⟨2⟩2 <nil> 3\n"},
		{`var name string; fmt.Scanln(&name); fmt.Println("hello", name)`, "Ana", "⟨Ana⟩hello Ana\n"},
		{`var word string; fmt.Scan(&word); fmt.Println(word)`, "left over", "⟨left over⟩left\n"},
		{`fmt.Scan(&word); fmt.Println(word)`, "new", "⟨new⟩new\n"}, // what was left over is gone
		{`r := bufio.NewReader(os.Stdin); l, err := r.ReadString('\n'); fmt.Printf("%q %v", l, err)`, "", "⟨⟩\"\\n\" <nil>\n"},
		{`sc := bufio.NewScanner(os.Stdin)
for sc.Scan() { fmt.Println(sc.Text()) }
fmt.Println(sc.Err())`, "é|b|^D", "⟨é⟩é\n⟨(^D ends the input) b⟩b\n⟨(^D ends the input) ^D⟩<nil>\n"},
		{`all, err := io.ReadAll(os.Stdin); fmt.Printf("%q %v", all, err)`, "x|y\x04", "⟨x⟩⟨(^D ends the input) y\x04⟩\"x\\ny\" <nil>\n"},
		{`sb := &strings.Builder{}; k, err := io.Copy(sb, os.Stdin); fmt.Println(k, err, sb)`, "abc|^D", "⟨abc⟩⟨(^D ends the input) ^D⟩4 <nil> abc\n\n"},
		{`out, err := os.Create("copy.txt"); io.Copy(out, os.Stdin); out.Close(); text, err := os.ReadFile("copy.txt"); fmt.Printf("%q", text)`,
			"abc|^D", "⟨abc⟩⟨(^D ends the input) ^D⟩\"abc\\n\"\n"},
		{`import "golab/kernel/nb"
who, err := nb.Input("Who? "); pw, err := nb.Password("Password: "); fmt.Println(who, pw, err)`, "me|secret", "⟨Who? me⟩⟨Password: (hidden)secret⟩me secret <nil>\n"},
		{`got, err := exec.Command("cat").Output(); cmd := exec.Command("cat"); cmd.Stdin = os.Stdin; o, err := cmd.Output(); fmt.Println(len(got), len(o), err)`,
			"x", "0 0 <nil>\n"},
		{`kept := os.Stdin; os.Stdin, _ = os.Open("copy.txt"); fmt.Scan(&word); os.Stdin = kept; fmt.Println(word)`, "x", "abc\n"},
	} {
		if got := runWith(s, c.code, strings.Split(c.lines, "|")...); got != c.want {
			t.Errorf("%s\nshows %q\nwant  %q", c.code, got, c.want)
		}
	}
	if got, want := runWith(s, `var i int; n, err = fmt.Scan(&i)
err`), "nobody answers"; !strings.Contains(got, want) {
		t.Error(got)
	}
	out, _ := runCell(s, 1, "fmt.Scan(&i)\nl, err = nb.Input(\"\")\nfmt.Println(err)")
	if strings.Count(out, "can't be asked for input") != 2 || !strings.Contains(out, "stderr: golab: os.Stdin: this front end can't be asked for input\n") {
		t.Error(out)
	}
}

// TestInputEnds interrupts a cell that waits for an answer, and leaves a goroutine behind that reads.
func TestInputEnds(t *testing.T) {
	s := open(t)
	must(t, s, "x, after := 1, 0\nvar word string\nresults := make(chan error)")
	for _, code := range []string{`fmt.Scan(&word); after++`, `for { fmt.Scan(&word); after++ }`, `import "golab/kernel/nb"
nb.Input(""); after++`} {
		asked, gone := make(chan bool), make(chan bool)
		ended := make(chan *engine.Error)
		go func() {
			ended <- s.Execute(engine.Request{Code: code, Input: func(ctx context.Context, _ string, _ bool) (string, error) {
				close(asked)
				<-ctx.Done()
				close(gone)
				return "", ctx.Err()
			}}, &transcript{}).Err
		}()
		<-asked
		s.Interrupt()
		if err := <-ended; err == nil || err.Name != "interrupted" {
			t.Error(code, err)
		}
		<-gone
		if got := must(t, s, "after"); got != "=> 0\n" {
			t.Error(code, "went on:", got)
		}
	}
	// A goroutine reads when no cell runs, or one that can't ask.
	must(t, s, "start := make(chan bool)\ngo func() { <-start; _, err := fmt.Scan(&word); results <- err }()")
	must(t, s, "go func() { start <- true }()")
	if got := must(t, s, "(<-results) != nil"); got != "=> true\n" {
		t.Error(got)
	}
	// One whose cell ends while it asks.
	asked := make(chan bool)
	if err := s.Execute(engine.Request{Code: "go func() { _, err := fmt.Scan(&word); results <- err }(); <-start",
		Input: func(ctx context.Context, _ string, _ bool) (string, error) {
			close(asked)
			<-ctx.Done()
			return "", ctx.Err()
		}}, func() engine.Sink {
		go func() { <-asked; s.Interrupt() }()
		return &transcript{}
	}()).Err; err == nil || err.Name != "interrupted" {
		t.Error(err)
	}
	must(t, s, "x")
}
