package session

import (
	"strings"
	"testing"

	"golab/kernel/internal/cell"
)

// TestExcerpt looks where carets stand: below what they are about, whatever stands before it.
func TestExcerpt(t *testing.T) {
	for _, text := range []string{
		"x := HERE", "\tx := HERE + 1", "\tx\t:= HERE", `名 := "日本" + HERE`, `s := "👍🏽" + HERE`, `s := "e\u0301e\u0301" + HERE`, "HERE", "a\nb\n  HERE\nc\nd",
		"x := \"" + strings.Repeat("a", 500) + "\" + HERE + \"" + strings.Repeat("b", 500) + "\"",
		"x := \"" + strings.Repeat("日", 500) + "\" + HERE", "\x00 HERE", "\xff HERE", "\r\nHERE\r\n",
	} {
		src := &cell.Source{Name: "cell[1]", Text: text}
		at := strings.Index(text, "HERE")
		n, _ := src.Position(at)
		lines := excerpt(src, n, at, at, at+4)
		for i, l := range lines {
			plain := ansi.ReplaceAllString(l, "")
			if len(columns(plain)) > len(gutter)+maxColumns {
				t.Errorf("%.40q: a line of %d columns", text, len(columns(plain)))
			}
			if !strings.HasSuffix(plain, "^~~~") {
				continue
			}
			above, mark := columns(ansi.ReplaceAllString(lines[i-1], "")), columns(plain)
			if got := strings.Join(above[len(mark)-4:len(mark)], ""); got != "HERE" {
				t.Errorf("%.40q: the caret is below %q", text, got)
			}
			at = -1
		}
		if at >= 0 {
			t.Errorf("%.40q: no caret in %q", text, lines)
		}
	}
	// Places out of the text, as those of a compiler that knows another one may be.
	for _, c := range [][4]int{{1, 0, 0, 0}, {9, 99, 99, 120}, {1, 2, 0, 99}, {1, 3, 3, 3}, {0, -1, 0, 0}, {1, -1, 0, 0}} {
		excerpt(&cell.Source{Text: "abc"}, c[0], c[1], c[2], c[3])
		excerpt(&cell.Source{Text: ""}, c[0], c[1], c[2], c[3])
		tokenAt(&cell.Source{Text: "abc"}, c[1])
	}
}

func TestFoldedIsEscaped(t *testing.T) {
	b := folded("1 <more>", []string{red("<script>alert(1)</script>") + "&"})
	html := b["text/html"].(string)
	if strings.Contains(html, "<script") || !strings.Contains(html, "&lt;script&gt;") || strings.Contains(html, "\x1b") || b["text/plain"] != "(1 <more>)" {
		t.Error(b)
	}
}
