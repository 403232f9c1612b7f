// Package page writes the HTML of charts: a picture that needs no script, and what turns it into a live chart.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"os"
	"strings"

	"golab/kernel/home"
)

//go:embed chart.js
var chartJS string

// Chart is the HTML of one chart: svg as an image, and option, a JavaScript expression, for the live one.
//
// The element is named by a hash of its content. Equal charts so share a name and, being equal, an option; nothing
// depends on where or how often an output stands in a page.
func Chart(svg, option, alt string, width, height int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%dx%d %s", width, height, option))
	id := hex.EncodeToString(sum[:8])
	var b strings.Builder
	fmt.Fprintf(&b, `<div class="golab-chart" data-golab="%s" style="position:relative;max-width:%dpx;aspect-ratio:%d/%d">`, id, width, width, height)
	fmt.Fprintf(&b, `<img alt="%s" style="display:block;margin:0;width:100%%" src="%s"></div>`, html.EscapeString(alt), DataURI(svg))
	b.WriteString(`<style>body[data-jp-theme-light="false"] .golab-chart>img{filter:invert(.92) hue-rotate(180deg)}</style>`)
	fmt.Fprintf(&b, `<script>document.querySelectorAll('[data-golab="%s"]').forEach(function(e){e.golab=function(){return(%s)}});window.golabCharts&&golabCharts()</script>`,
		id, option)
	return b.String()
}

// Library is the HTML that carries ECharts and makes the charts of its page live, those before it too. It is compressed:
// 0.45 MB in a notebook file instead of 1.0.
func Library() (string, error) {
	src, err := os.ReadFile(home.ECharts())
	if err != nil {
		return "", err
	}
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(src); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return "<script>(function(library){\n" + chartJS + "})(\"" + base64.StdEncoding.EncodeToString(z.Bytes()) + "\")</script>", nil
}

// DataURI is svg as the double-quoted value of an attribute. It stays close to the picture's own text, which base64
// would make a third longer.
func DataURI(svg string) string {
	var b strings.Builder
	b.Grow(len(svg) + len(svg)/8)
	b.WriteString("data:image/svg+xml,")
	svg = singleQuotes(svg)
	for i := 0; i < len(svg); i++ {
		switch c := svg[i]; {
		case c == '%' || c == '#' || c == '"' || c == '&' || c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// singleQuotes turns the quotes of attributes into single ones where their value has none.
func singleQuotes(svg string) string {
	out := []byte(svg)
	in, open := false, -1
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case !in:
			in = c == '<'
		case c != '"' && open < 0:
			in = c != '>'
		case c == '"' && open < 0:
			open = i
		case c == '"':
			if !bytes.ContainsRune(out[open+1:i], '\'') {
				out[open], out[i] = '\'', '\''
			}
			open = -1
		}
	}
	return string(out)
}
