package progress

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestStep(t *testing.T) {
	var out bytes.Buffer
	p := &Printer{w: &out, every: time.Hour}
	boom := errors.New("boom")
	ok := p.Step("one", func(*Step) (string, error) { return "already there", nil })
	warn := p.Step("two", func(*Step) (string, error) { return "", Warning{errors.New("no plugin\nhint: none")} })
	fail := p.Step("three", func(*Step) (string, error) { return "", boom })
	if ok != nil || warn != nil || fail != boom {
		t.Errorf("got %v, %v, %v", ok, warn, fail)
	}
	got := out.String()
	for _, want := range []string{"✓ one (already there, ", "! two: no plugin\n  hint: none\n", "✗ three\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		340 * time.Millisecond:  "340 ms",
		4200 * time.Millisecond: "4.2 s",
		42 * time.Second:        "42 s",
		125 * time.Second:       "2 min 5 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip("安装 Jupyter", 6); got != "安装 J" {
		t.Errorf("got %q", got)
	}
}
