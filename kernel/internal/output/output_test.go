package output

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"golab/kernel/nb"
)

// sink keeps what arrives.
type sink struct {
	stdout, stderr strings.Builder
	others         []string
}

func (s *sink) Stream(name, text string) {
	if !utf8.ValidString(text) {
		s.others = append(s.others, "invalid UTF-8")
	}
	if name == "stdout" {
		s.stdout.WriteString(text)
	} else {
		s.stderr.WriteString(text)
	}
}
func (s *sink) Display(nb.Output)   { s.others = append(s.others, "display") }
func (s *sink) Result(nb.Bundle)    { s.others = append(s.others, "result") }
func (s *sink) Clear(wait bool)     { s.others = append(s.others, fmt.Sprint("clear ", wait)) }
func (s *sink) Comm(nb.CommMessage) {}

func TestLimitLetsUsualOutputPass(t *testing.T) {
	var s sink
	l := Limit(&s)
	l.Stream("stdout", "a")
	l.Display(nb.Output{})
	l.Stream("stderr", "b")
	l.Result(nil)
	l.Clear(true)
	l.Stream("stdout", strings.Repeat("c", maxHead)) // exactly the limit
	l.End()
	if got := s.stdout.String(); got != "a"+strings.Repeat("c", maxHead) || s.stderr.String() != "b" {
		t.Errorf("%d bytes of stdout, %q on stderr", len(got), s.stderr.String())
	}
	if got := fmt.Sprint(s.others); got != "[display result clear true]" {
		t.Error(got)
	}
}

func TestLimitCutsAndAccountsForEveryByte(t *testing.T) {
	for _, piece := range []string{strings.Repeat("x", 99), strings.Repeat("日本\n", 9), strings.Repeat("é", 50_000), strings.Repeat("𝛼", 5<<20)} {
		var s sink
		l := Limit(&s)
		sent := 0
		for sent < maxHead+5*maxTail+1 {
			for range max(1, 1000/len(piece)) {
				l.Stream("stdout", piece)
				sent += len(piece)
			}
		}
		l.End()
		got := s.stdout.String()
		head, rest, cut := strings.Cut(got, "\n[more than 2 MB on stdout: only the end of the rest is shown, when the cell ends]\n")
		var left int
		if _, err := fmt.Sscanf(rest, "[%d bytes of stdout left out]\n", &left); !cut || err != nil {
			t.Fatalf("%.10q: no notice: %v", piece, err)
		}
		_, tail, _ := strings.Cut(rest, "left out]\n")
		if len(head)+left+len(tail) != sent {
			t.Errorf("%.10q: %d shown, %d left out, %d shown of %d", piece, len(head), left, len(tail), sent)
		}
		if len(head) < maxHead-3 || len(head) > maxHead || len(tail) < maxTail-3 || len(tail) > maxTail {
			t.Errorf("%.10q: %d shown before and %d after the cut", piece, len(head), len(tail))
		}
		if len(s.others) > 0 {
			t.Errorf("%.10q: %v", piece, s.others)
		}
	}
}

func TestLimitStartsAnew(t *testing.T) {
	var s sink
	l := Limit(&s)
	flood := strings.Repeat("x", maxHead+100)
	l.Stream("stdout", flood)
	l.Clear(false)
	l.Stream("stdout", "after clear\n")
	l.Stream("stdout", flood)
	l.End()
	l.Stream("stdout", "after the end\n")
	got := s.stdout.String()
	if !strings.Contains(got, "after clear\n") || !strings.HasSuffix(got, "after the end\n") || strings.Count(got, "left out]") > 1 {
		t.Errorf("it ends in %q", got[len(got)-100:])
	}
}

func TestEncodeFallsBackToText(t *testing.T) {
	got, err := json.Marshal(Encode(nb.Bundle{"application/json": math.NaN(), "text/html": "a\xffb", "application/x-own": []int{1}}))
	want := `{"application/x-own":[1],"text/html":"a�b","text/plain":"cannot show this as application/json: json: unsupported value: NaN"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s %v\nwant %s", got, err, want)
	}
	if got := EncodeMetadata(map[string]any{"f": func() {}}); string(got) != "{}" {
		t.Errorf("metadata %s", got)
	}
}
