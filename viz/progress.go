package viz

import (
	"crypto/rand"
	"fmt"
	"html"
	"os"
	"strings"
	"sync"
	"time"

	"golab/kernel/nb"
)

const (
	progressEvery = 100 * time.Millisecond // between two displays in a notebook
	progressLines = time.Second            // between two lines of text elsewhere
)

// Progress shows how far a long work is, in one place that it updates, with the rate and the time that remains.
// Outside a notebook it writes lines to standard error.
//
// Its methods may be called from any goroutine, as often as one likes: they only note the state, and a display follows
// at most ten times a second.
type Progress struct {
	label string
	total int
	id    string
	start time.Time
	out   func(text string) // for text; nil in a notebook

	mu     sync.Mutex
	done   int
	status string
	ended  bool
	final  bool      // the final state was displayed
	timer  bool      // a display is due
	last   time.Time // of the last display
	tenth  int       // of the last line

	draw sync.Mutex // held while displaying, so that displays keep their order
}

// NewProgress starts showing the progress of a work of total steps; with a total of 0 or less, how many it takes is not
// known.
func NewProgress(total int, label string) *Progress {
	p := &Progress{label: label, total: max(total, 0), id: "golab-progress-" + rand.Text(), start: time.Now(), tenth: -1}
	if !inNotebook() {
		p.out = func(text string) { fmt.Fprintln(os.Stderr, text) }
	}
	p.Set(0, "")
	return p
}

// Set notes that done steps are made. The status says what else there is to say, such as the loss.
func (p *Progress) Set(done int, status string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.done, p.status = max(done, 0), status
	if p.timer {
		return
	}
	p.timer = true
	every := progressEvery
	if p.out != nil {
		every = progressLines
	}
	time.AfterFunc(every-time.Since(p.last), p.flush) // at once where the last one is long ago
}

// Done ends the display with its final state, which has nothing in it that differs from run to run except the status.
// The steps stay those of the last Set, so that a work that was broken off shows where. Later calls do nothing.
func (p *Progress) Done(status string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return
	}
	p.ended, p.status = true, status
	p.mu.Unlock()
	p.flush()
}

func (p *Progress) flush() {
	p.draw.Lock()
	defer p.draw.Unlock()
	p.mu.Lock()
	now := time.Now()
	s := progressState{p.label, p.done, p.total, p.status, p.ended, now.Sub(p.start)}
	skip := false
	if p.out != nil { // a line each tenth of the work, and the last one
		tenth := 0
		if p.total > 0 {
			tenth = min(10*p.done/p.total, 10)
		}
		skip = !p.ended && (p.done == 0 || tenth == p.tenth && p.total > 0)
		p.tenth = tenth
	}
	skip = skip || p.final
	p.final = p.ended
	p.timer, p.last = false, now
	p.mu.Unlock()
	switch {
	case skip:
	case p.out != nil:
		p.out(s.text())
	default:
		display(p.id, nb.Bundle{mimeHTML: s.html(), mimeText: s.text()})
	}
}

// progressState is what one display shows.
type progressState struct {
	label       string
	done, total int
	status      string
	ended       bool
	spent       time.Duration
}

func (s progressState) fraction() float64 {
	if s.total == 0 {
		return 0
	}
	return min(float64(s.done)/float64(s.total), 1)
}

// facts are the parts after the bar.
func (s progressState) facts() []string {
	var f []string
	if s.total > 0 {
		f = append(f, fmt.Sprintf("%d/%d", s.done, s.total))
	} else {
		f = append(f, fmt.Sprint(s.done))
	}
	if s.status != "" {
		f = append(f, s.status)
	}
	if s.ended || s.done == 0 || s.spent < progressEvery {
		return f
	}
	f = append(f, rate(float64(s.done)/s.spent.Seconds()))
	if s.total > s.done {
		left := time.Duration(float64(s.spent) / float64(s.done) * float64(s.total-s.done))
		f = append(f, clock(left)+" left")
	}
	return f
}

func (s progressState) text() string {
	const width = 20
	var b strings.Builder
	if s.label != "" {
		b.WriteString(s.label + " ")
	}
	if s.total > 0 {
		n := int(s.fraction() * width)
		b.WriteString("[" + strings.Repeat("█", n) + strings.Repeat("·", width-n) + "] ")
	}
	return b.String() + strings.Join(s.facts(), " · ")
}

func (s progressState) html() string {
	var b strings.Builder
	b.WriteString(`<div style="display:flex;align-items:center;gap:10px;font-variant-numeric:tabular-nums">`)
	if s.label != "" {
		b.WriteString(`<span>` + html.EscapeString(s.label) + `</span>`)
	}
	if s.total > 0 {
		color := "#0072B2"
		if s.ended && s.done >= s.total {
			color = "#009E73"
		} else if s.ended {
			color = "#E69F00"
		}
		fmt.Fprintf(&b, `<div style="flex:0 0 220px;height:8px;border-radius:4px;background:rgba(128,128,128,.25)">`+
			`<div style="width:%.1f%%;height:8px;border-radius:4px;background:%s"></div></div>`, 100*s.fraction(), color)
	}
	fmt.Fprintf(&b, `<span>%s</span></div>`, html.EscapeString(strings.Join(s.facts(), " · ")))
	return b.String()
}

func rate(perSecond float64) string {
	switch {
	case perSecond >= 100:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 1:
		return fmt.Sprintf("%.1f/s", perSecond)
	default:
		return fmt.Sprintf("%.1f s each", 1/perSecond)
	}
}

// clock is a duration as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
