package viz

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"golab/kernel/nb"
)

// host is a notebook that keeps what is displayed.
type host struct {
	nb.Host // the rest is not used

	mu      sync.Mutex
	outputs []nb.Output
}

func (h *host) Display(o nb.Output) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outputs = append(h.outputs, o)
}

func (h *host) Clear(bool)               {}
func (h *host) Context() context.Context { return context.Background() }

func (h *host) all() []nb.Output {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]nb.Output(nil), h.outputs...)
}

func attach(t *testing.T) *host {
	h := &host{}
	nb.Attach(h)
	t.Cleanup(func() { nb.Attach(nil) })
	return h
}

func TestProgress(t *testing.T) {
	h := attach(t)
	p := NewProgress(1_000_000, "Training <b>")
	start := time.Now()
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for i := range 250_000 {
				p.Set(i, "loss 0.5")
			}
		})
	}
	work.Wait()
	if spent := time.Since(start); spent > 3*time.Second {
		t.Errorf("a million calls took %v", spent)
	}
	p.Set(1_000_000, "loss 0.5")
	p.Done("loss 0.4")
	p.Done("again")
	p.Set(3, "later")
	time.Sleep(3 * progressEvery)
	out := h.all()
	if most := int(time.Since(start)/progressEvery) + 3; len(out) > most {
		t.Errorf("%d displays, at most %d", len(out), most)
	}
	for i, o := range out {
		if o.ID != out[0].ID || o.ID == "" || o.Update != (i > 0) {
			t.Errorf("display %d: %+v", i, o)
		}
		if strings.Contains(o.Data[mimeHTML].(string), "<b>") {
			t.Error("not escaped")
		}
	}
	want := "Training <b> [████████████████████] 1000000/1000000 · loss 0.4"
	if got := out[len(out)-1].Data[mimeText]; got != want {
		t.Errorf("ends as %q", got)
	}
}

func TestProgressText(t *testing.T) {
	var lines []string
	p := &Progress{label: "Fit", total: 20, start: time.Now(), tenth: -1, out: func(s string) { lines = append(lines, s) }}
	p.Set(0, "")
	p.Set(7, "loss 1")
	p.Done("interrupted")
	time.Sleep(50 * time.Millisecond)
	if len(lines) != 1 || lines[0] != "Fit [███████·············] 7/20 · interrupted" {
		t.Errorf("%q", lines)
	}
	var none *Progress
	none.Set(1, "")
	none.Done("")
}

func TestProgressState(t *testing.T) {
	for want, s := range map[string]progressState{
		"[██████████··········] 50/100 · 10.0/s · 0:05 left": {total: 100, done: 50, spent: 5 * time.Second},
		"a 3 · 1.0/s": {label: "a", done: 3, spent: 3 * time.Second},
		"[··········" + "··········] 1/100 · 60.0 s each · 1:39:00 left": {total: 100, done: 1, spent: time.Minute},
		"[████████████████████] 7/5 · 7.0/s":                             {total: 5, done: 7, spent: time.Second},
	} {
		if got := s.text(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestShow(t *testing.T) {
	h := attach(t)
	Show(HTML("<i>x</i>"), Markdown("*x*"), LaTeX(`x^2`), 3, nil, [][]int{{1}})
	var mimes []string
	for _, o := range h.all() {
		for _, m := range []string{mimeHTML, mimeMarkdown, mimeLaTeX, mimeText} {
			if o.Data[m] != nil {
				mimes = append(mimes, m)
				break
			}
		}
	}
	if got := strings.Join(mimes, " "); got != "text/html text/markdown text/latex text/plain text/plain text/html" {
		t.Error(got)
	}
	if got := h.all()[2].Data[mimeLaTeX]; got != "$$x^2$$" {
		t.Error(got)
	}
}

// TestLibraryOnce: a session displays ECharts once, before its first chart.
func TestLibraryOnce(t *testing.T) {
	h := attach(t)
	library.carried = false
	defer func() { library.carried = false }()
	for range 3 {
		Show(Line([]int{1, 2}), pie())
	}
	out := h.all()
	if len(out) != 7 {
		t.Fatalf("%d outputs", len(out))
	}
	for i, o := range out {
		size := len(o.Data[mimeHTML].(string))
		if big := size > 400_000; big != (i == 0) {
			t.Errorf("output %d has %d bytes", i, size)
		}
	}
}
