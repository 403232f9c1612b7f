// Package progress tells a person what an installation is doing: a line a step, with its outcome and how long it took.
//
// On a terminal the running step's line moves, with a spinner, the elapsed time and what the step is at. Elsewhere (a log, CI)
// nothing is rewritten: a step that takes long says every few seconds what it is at.
package progress

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Printer prints steps to one writer. Its methods are to be called from one goroutine.
type Printer struct {
	w     io.Writer
	tty   bool
	width int
	every time.Duration // between two lines about a step that goes on
}

// New returns a printer to f; the spinner is for terminals that can move the cursor.
func New(f *os.File) *Printer {
	fi, err := f.Stat()
	tty := err == nil && fi.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
	p := &Printer{w: f, tty: tty, width: 79, every: 10 * time.Second}
	if tty {
		p.every = 100 * time.Millisecond
	}
	return p
}

// Discard is a printer that prints nothing.
func Discard() *Printer { return &Printer{w: io.Discard, every: time.Hour} }

// Printf prints a line of its own; the newline is added.
func (p *Printer) Printf(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// A Step is a running step. Its methods may be called from any goroutine.
type Step struct {
	mu   sync.Mutex
	note string
}

// Note says what the step is at; each call replaces the last one's text.
func (s *Step) Note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
}

func (s *Step) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.note
}

// A Warning is an error that ends a step but not the installation: it is printed and then forgotten.
type Warning struct{ Err error }

func (w Warning) Error() string { return w.Err.Error() }
func (w Warning) Unwrap() error { return w.Err }

// Step runs f and prints title, what f returns as the outcome ("already there"; it may be empty) and the time it took.
// If f fails, Step prints that the step failed and returns f's error, for the caller to print, unless it is a [Warning].
func (p *Printer) Step(title string, f func(*Step) (outcome string, err error)) error {
	var (
		s     Step
		start = time.Now()
		done  = make(chan struct{})
		wg    sync.WaitGroup
	)
	wg.Go(func() { p.animate(title, &s, start, done) })
	outcome, err := f(&s)
	close(done)
	wg.Wait()

	took := Duration(time.Since(start))
	if outcome != "" {
		took = outcome + ", " + took
	}
	var warning Warning
	switch {
	case err == nil:
		p.Printf("✓ %s (%s)", title, took)
	case errors.As(err, &warning):
		p.Printf("! %s: %s", title, indentRest(warning.Error()))
		return nil
	default:
		p.Printf("✗ %s", title)
	}
	return err
}

func (p *Printer) animate(title string, s *Step, start time.Time, done <-chan struct{}) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	said := ""
	for i := 0; ; i++ {
		select {
		case <-done:
			if p.tty {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case <-tick.C:
		}
		note, elapsed := s.current(), whole(time.Since(start))
		switch {
		case p.tty:
			spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
			line := fmt.Sprintf("%c %s %s  %s", spinner[i%len(spinner)], title, elapsed, note)
			fmt.Fprintf(p.w, "\r\x1b[K%s", clip(line, p.width))
		case note != said && note != "":
			p.Printf("  %s: %s (%s so far)", title, note, elapsed)
			said = note
		default:
			p.Printf("  %s: still at it (%s so far)", title, elapsed)
		}
	}
}

// Duration writes d as a person would say it: 340 ms, 4.2 s, 2 min 5 s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second && d > 0:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// whole is Duration without fractions of a second, which are unrest in a line that is redrawn.
func whole(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return Duration(d)
}

// clip cuts s to n columns; every rune but CJK counts as one, which is good enough for a line that is redrawn.
func clip(s string, n int) string {
	col := 0
	for i, r := range s {
		col++
		if r >= 0x1100 && utf8.RuneLen(r) >= 3 && r > 0x2E80 {
			col++
		}
		if col > n {
			return s[:i]
		}
	}
	return s
}

func indentRest(s string) string { return strings.ReplaceAll(s, "\n", "\n  ") }
