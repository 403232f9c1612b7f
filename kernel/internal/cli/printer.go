package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"golab/kernel/internal/output"
	"golab/kernel/nb"
)

// printer is an engine.Sink that shows what cells show on a terminal: text as it is, of all else its plain form or, where
// there is none, its type. Updates of what was shown are left out, as a terminal cannot take anything back.
type printer struct {
	mu   sync.Mutex
	w    io.Writer
	open bool // the last line has no end yet
}

func (p *printer) Stream(_, text string) { p.print(text, false) }

func (p *printer) Display(o nb.Output) {
	if !o.Update {
		p.print(plain(o.Data), true)
	}
}

func (p *printer) Result(b nb.Bundle) { p.print(plain(b), true) }

func (p *printer) Clear(bool) {}

func (p *printer) Comm(nb.CommMessage) {}

// print writes text, as lines of its own if whole.
func (p *printer) print(text string, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text == "" {
		return
	}
	if whole {
		if p.open {
			text = "\n" + text
		}
		text = strings.TrimSuffix(text, "\n") + "\n"
	}
	io.WriteString(p.w, text)
	p.open = !strings.HasSuffix(text, "\n")
}

// plain is b as text.
func plain(b nb.Bundle) string {
	data := output.Encode(b)
	for _, mime := range []string{"text/plain", "text/markdown"} {
		if text, ok := data[mime].(string); ok {
			return text
		}
	}
	if len(data) == 0 {
		return ""
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(data)))
}
