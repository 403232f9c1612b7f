package output

import (
	"fmt"
	"strings"
	"testing"

	"golab/kernel/nb"
)

func TestOverwrite(t *testing.T) {
	for text, want := range map[string]string{
		"plain\nlines\n":                   "plain\nlines\n",
		"dos\r\nlines\r\n":                 "dos\r\nlines\r\n",
		"1%\r2%\r3%":                       "\r3%",
		"\r1%\r2%":                         "\r2%",
		"1%\r":                             "1%\r",
		"a\r1%\r2%\r":                      "\r2%\r",
		"done\n1%\r2%\nnext":               "done\n2%\nnext",
		"x\nlonger\rab\n":                  "x\nabnger\n",
		"x\n日本語\ré\n":                      "x\né本語\n",
		"x\n\x1b[31mab\x1b[0m\rcd\n":       "x\ncd\n",
		"x\n\x1b[31mabc\x1b[0m\rd\n":       "x\n\x1b[31mabc\x1b[0m\rd\n",
		"x\n\x1b[31mabc\x1b[0m\rd\x1b[K\n": "x\nd\x1b[K\n",
		"\r\r\r":                           "\r",
		"":                                 "",
	} {
		if got := Overwrite(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestProgressDoesNotFillTheLimit prints far more than the limit, all of it on one line.
func TestProgressDoesNotFillTheLimit(t *testing.T) {
	for _, piece := range []string{"\r%100d", "%100d\r", strings.Repeat("\r%d", 20)} {
		var s sink
		l := Limit(&s)
		for i := range 200_000 {
			n := i
			text := strings.ReplaceAll(piece, "%d", fmt.Sprint(n))
			if strings.Contains(text, "%") {
				text = fmt.Sprintf(text, n)
			}
			l.Stream("stdout", text)
		}
		l.Stream("stdout", "\nthe end\n")
		l.End()
		if got := s.stdout.String(); !strings.HasSuffix(got, "199999\nthe end\n") && !strings.HasSuffix(got, "199999\r\nthe end\n") || strings.Contains(got, "[more than") {
			t.Errorf("%.10q ends in %q", piece, got[len(got)-60:])
		}
		if len(s.stdout.String()) > 25<<20 {
			t.Errorf("%.10q: %d bytes", piece, len(s.stdout.String()))
		}
	}
}

func TestLimitKeepsColoursWhole(t *testing.T) {
	var s sink
	l := Limit(&s)
	line := "\x1b[31mred\x1b[0m and \x1b[38;5;200mpink\x1b[0m\n"
	for range maxHead/len(line) + 10_000 {
		l.Stream("stdout", line)
	}
	l.End()
	got := s.stdout.String()
	head, rest, _ := strings.Cut(got, "\x1b[0m\n[more than")
	if h := head[strings.LastIndexByte(head, '\n')+1:]; !strings.HasPrefix(line, h) || strings.HasSuffix(h, "\x1b[") {
		t.Errorf("the first part ends in %q", h)
	}
	if _, tail, _ := strings.Cut(rest, "left out]\n"); !strings.HasPrefix(tail, "\x1b[31mred") {
		t.Errorf("the last part begins with %.30q", tail)
	}
}

// shown is a sink that keeps displays.
type shown struct {
	sink
	outputs []string
}

func (s *shown) Display(o nb.Output) {
	s.outputs = append(s.outputs, fmt.Sprintf("%s%v%v", o.ID, o.Update, o.Data["text/plain"]))
}

func TestDisplaysAreLimited(t *testing.T) {
	var s shown
	l := Limit(&s)
	for i := range 10_000 {
		l.Display(nb.Output{Data: nb.Bundle{"text/plain": fmt.Sprint(i)}})
	}
	l.End()
	if n := len(s.outputs); n != maxDisplays+1 || s.outputs[n-1] != "false9999" {
		t.Error(n, s.outputs[n-1])
	}
	if got := s.stderr.String(); !strings.Contains(got, "[1000 displays, 0 MB: of more,") || !strings.Contains(got, "[8999 displays left out]") {
		t.Error(got)
	}
	s = shown{}
	l = Limit(&s)
	picture := strings.Repeat("x", 40<<20)
	for range 10 {
		l.Display(nb.Output{Data: nb.Bundle{"image/png": picture}})
	}
	l.Clear(false)
	l.Display(nb.Output{Data: nb.Bundle{"image/png": picture}})
	l.End()
	if len(s.outputs) != 4 {
		t.Error(len(s.outputs))
	}
}
