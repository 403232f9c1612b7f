package session

import (
	"cmp"
	"go/doc/comment"
	"html"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// docs is where documentation of packages is read.
const docs = "https://pkg.go.dev"

// tooltip shows what is known of a name in the forms that clients show: text, Markdown and HTML. v is the variable that
// it stands for, or nil. A detail of 1 shows the source too.
func tooltip(d *cell.Description, v *engine.Variable, detail int) nb.Bundle {
	where := d.Kind + " of " + cmp.Or(d.Where, "Go")
	link := d.Link
	if d.Path != "" {
		link = docs + "/" + d.Path
		if d.Kind != "module" && d.Kind != "property" && d.Kind != "method" {
			link += "#" + d.Name
		}
	}
	decl := d.Decl
	if detail > 0 && d.Source != "" {
		decl = d.Source
	}
	text, md, htm := []string{decl}, []string{fenced(decl)}, []string{"<pre><code>" + html.EscapeString(decl) + "</code></pre>"}
	if v != nil {
		value := "= " + v.Value
		if v.Lost != "" {
			value = "no value: " + v.Lost
		} else if v.Shape != "" {
			value += "  (" + v.Shape + ")"
		}
		text, md, htm = append(text, value), append(md, fenced(value)), append(htm, "<pre><code>"+html.EscapeString(value)+"</code></pre>")
	}
	if d.Doc != "" && !(detail > 0 && d.Source != "" && d.Path == "") {
		doc, pr := comments.Parse(d.Doc), printer(d)
		text = append(text, strings.TrimSpace(string(pr.Text(doc))))
		md = append(md, strings.TrimSpace(string(pr.Markdown(doc))))
		htm = append(htm, strings.TrimSpace(string(pr.HTML(doc))))
	}
	text = append(text, where)
	if link != "" {
		md = append(md, "*"+d.Kind+" of* ["+cmp.Or(d.Where, "Go")+"]("+link+")")
		htm = append(htm, "<p><em>"+html.EscapeString(d.Kind)+` of</em> <a href="`+html.EscapeString(link)+`" target="_blank" rel="noopener">`+
			html.EscapeString(cmp.Or(d.Where, "Go"))+"</a></p>")
	} else {
		md, htm = append(md, "*"+where+"*"), append(htm, "<p><em>"+html.EscapeString(where)+"</em></p>")
	}
	return nb.Bundle{"text/plain": strings.Join(text, "\n\n"), "text/markdown": strings.Join(md, "\n\n"), "text/html": strings.Join(htm, "\n")}
}

// comments reads doc comments. What they name in their own package is there.
var comments = comment.Parser{LookupSym: func(string, string) bool { return true }}

// printer writes a doc comment. Its links lead to where packages are documented.
func printer(d *cell.Description) *comment.Printer {
	return &comment.Printer{
		HeadingLevel: 4,
		HeadingID:    func(*comment.Heading) string { return "" },
		DocLinkURL: func(l *comment.DocLink) string {
			if l.ImportPath == "" && d.Path == "" {
				return ""
			}
			if l.ImportPath == "" {
				own := *l
				own.ImportPath = d.Path
				l = &own
			}
			return l.DefaultURL(docs)
		},
	}
}

// fenced is Go code in Markdown, also if that has a fence in it.
func fenced(code string) string {
	fence := "```"
	for strings.Contains(code, fence) {
		fence += "`"
	}
	return fence + "go\n" + code + "\n" + fence
}
