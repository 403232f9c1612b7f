package viz

import (
	"fmt"
	"html"
	"maps"
	"os"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"golab/kernel/nb"
)

// MIME types used here.
const (
	mimeText     = "text/plain"
	mimeHTML     = "text/html"
	mimeMarkdown = "text/markdown"
	mimeLaTeX    = "text/latex"
	mimeSVG      = "image/svg+xml"
	mimePNG      = "image/png"
)

// Show displays each value below the running cell, at once. In a program that runs in no notebook it prints the values'
// plain text to standard output.
func Show(values ...any) {
	for _, v := range values {
		display("", bundle(v))
	}
}

// HTML is text that is displayed as HTML, as it is: its author escapes what comes from data.
type HTML string

// MIMEBundle implements the notebook's display.
func (h HTML) MIMEBundle() map[string]any {
	return map[string]any{mimeHTML: string(h), mimeText: string(h)}
}

// Markdown is text that is displayed as Markdown, formulas between dollar signs included.
type Markdown string

// MIMEBundle implements the notebook's display.
func (m Markdown) MIMEBundle() map[string]any {
	return map[string]any{mimeMarkdown: string(m), mimeText: string(m)}
}

// LaTeX is a formula, displayed typeset. Dollar signs around it may be left out.
type LaTeX string

// MIMEBundle implements the notebook's display.
func (l LaTeX) MIMEBundle() map[string]any {
	s := strings.TrimSpace(string(l))
	if !strings.HasPrefix(s, "$") && !strings.HasPrefix(s, `\begin`) && !strings.HasPrefix(s, `\[`) {
		s = "$$" + s + "$$"
	}
	return map[string]any{mimeLaTeX: s, mimeText: string(l)}
}

// bundle is v as the notebook shows it; a value that no one knows shows itself as fmt prints it. It never panics.
func bundle(v any) (b nb.Bundle) {
	defer func() {
		if p := recover(); p != nil {
			b = failure(fmt.Errorf("showing a %T: %v", v, p))
		}
	}()
	switch v := v.(type) {
	case nil:
		return nb.Bundle{mimeText: "<nil>"}
	case nb.Bundle:
		return v
	case interface{ MIMEBundle() map[string]any }:
		return maps.Clone(v.MIMEBundle())
	case error:
		return failure(v)
	case string:
		return nb.Bundle{mimeText: v}
	}
	for _, render := range nb.Renderers() {
		if b := render(v); b != nil {
			return b
		}
	}
	return nb.Bundle{mimeText: fmt.Sprint(v)}
}

// display shows b in whatever this program runs in; outputs of one id replace each other.
func display(id string, b nb.Bundle) {
	switch {
	case nb.Live() && id != "":
		nb.DisplayID(id, b)
	case nb.Live():
		nb.Display(b)
	case gonbui.IsNotebook:
		data := &protocol.DisplayData{Data: map[protocol.MIMEType]any{}, DisplayID: id}
		for mime, content := range b {
			data.Data[protocol.MIMEType(mime)] = content
		}
		gonbui.SendData(data)
	default:
		if text, ok := b[mimeText].(string); ok {
			fmt.Fprintln(os.Stdout, text)
		}
	}
}

// inNotebook reports whether outputs can be replaced in place.
func inNotebook() bool { return nb.Live() || gonbui.IsNotebook }

// failure is how an error is displayed where a value was expected.
func failure(err error) nb.Bundle {
	return nb.Bundle{
		mimeText: err.Error(),
		mimeHTML: `<div style="border-left:4px solid #D55E00;padding:4px 10px;white-space:pre-wrap">` + html.EscapeString(err.Error()) + `</div>`,
	}
}
