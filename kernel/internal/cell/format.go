package cell

import (
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
)

// Format writes the Go code of a cell as gofmt does. text is the whole cell, and src the same without its commands, see
// [CutCommands]: the lines of those, and the one that begins a block, stay as they are. If something is no Go, the error is
// of type Errors.
func Format(src *Source, text string) (string, error) {
	f := &formatter{}
	f.src = &Source{Name: src.Name, Gen: src.Gen, Text: f.mask(src.Text, text)}
	code := f.src.Text
	block := blockLine(code)
	if block < 0 {
		f.pieces(code)
	} else {
		end := block + strings.IndexByte(code[block:]+"\n", '\n')
		f.pieces(code[:block])
		f.write(code[block:end], "", "\n")
		if end < len(code) {
			f.piece(end+1, len(code), nil)
		}
	}
	if len(f.errs) > 0 {
		return "", f.errs
	}
	return f.unmask(), nil
}

// formatter formats a cell in pieces: Go knows files of declarations and lists of statements, a cell may mix them.
type formatter struct {
	src      *Source // with a comment in the place of each command, on the same line
	commands []string
	out      strings.Builder
	lines    int // ends of lines since the last piece
	errs     Errors
}

// commandMark begins the comment that stands for a command.
const commandMark = "// ʼ"

func (f *formatter) mask(code, text string) string {
	var b strings.Builder
	at := 0
	for line := range strings.Lines(text) {
		rest := code[at : at+len(line)]
		at += len(line)
		if rest == line {
			b.WriteString(line)
			continue
		}
		fmt.Fprintf(&b, "%s%d\n", commandMark, len(f.commands))
		f.commands = append(f.commands, strings.TrimSpace(line))
	}
	return b.String()
}

func (f *formatter) unmask() string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(f.out.String())) {
		line = strings.TrimSuffix(line, "\n")
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), commandMark); ok {
			if i, err := strconv.Atoi(n); err == nil && i < len(f.commands) {
				line = f.commands[i]
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// pieces formats code, the beginning of the cell, in runs of declarations and of statements.
func (f *formatter) pieces(code string) {
	chunks, errs := split(&Source{Text: code})
	for _, e := range errs {
		f.errs = append(f.errs, &Error{Source: f.src, Offset: e.Offset, Msg: e.Msg})
	}
	if len(errs) > 0 {
		return
	}
	from := 0
	for i, c := range chunks {
		if i+1 < len(chunks) && declares(c) == declares(chunks[i+1]) {
			continue
		}
		to := len(code)
		if i+1 < len(chunks) {
			// Comments behind the last statement stay with it, those above the next go with that.
			to = chunks[i+1].start
			if nl := strings.IndexByte(code[c.end:to], '\n'); nl >= 0 {
				to = c.end + nl + 1
			}
		}
		var run []chunk
		for _, c := range chunks[:i+1] {
			if c.start >= from {
				run = append(run, c)
			}
		}
		f.piece(from, to, run)
		from = to
	}
	if len(chunks) == 0 {
		f.piece(0, len(code), nil)
	}
}

// declares reports whether c is a declaration that only a file can have.
func declares(c chunk) bool { return c.tok != token.ILLEGAL && c.tok != token.VAR }

// piece formats the cell from one offset to another. If it is no Go but chunks are known, each is tried alone.
func (f *formatter) piece(from, to int, chunks []chunk) {
	code := f.src.Text[from:to]
	body := strings.TrimSpace(code)
	lead := strings.Index(code, body)
	out, err := format.Source([]byte(body))
	if err == nil || body == "" {
		f.write(string(out), code[:lead], code[lead+len(body):])
		return
	}
	if len(chunks) > 1 {
		for i := range chunks {
			end := to
			if i+1 < len(chunks) {
				end = chunks[i+1].start
			}
			f.piece(from, end, chunks[i:i+1])
			from = end
		}
		return
	}
	if len(chunks) == 1 && f.lists(chunks[0]) { // `x, err`
		f.write(body, code[:lead], code[lead+len(body):])
		return
	}
	list, ok := err.(scanner.ErrorList)
	if !ok {
		list = scanner.ErrorList{{Msg: err.Error(), Pos: token.Position{Line: 1, Column: 1}}}
	}
	e := list[0]
	off := from + lead
	for range e.Pos.Line - 1 {
		off += strings.IndexByte(f.src.Text[off:], '\n') + 1
	}
	f.errs = append(f.errs, &Error{Source: f.src, Offset: off + max(e.Pos.Column-1, 0), Msg: e.Msg})
}

// lists reports whether c is a list of values, which a cell shows and Go does not know.
func (f *formatter) lists(c chunk) bool {
	b := newBuilder(New(), f.src, noPackages{})
	b.atlas = newAtlas()
	_, n := b.parseList(c)
	return n > 1
}

// write adds a formatted piece, behind one blank line if there are some between it and the last.
func (f *formatter) write(piece, before, after string) {
	f.lines += strings.Count(before, "\n")
	if piece == "" {
		f.lines += strings.Count(after, "\n")
		return
	}
	if f.out.Len() > 0 && f.lines > 1 {
		f.out.WriteString("\n")
	}
	f.out.WriteString(strings.TrimSpace(piece) + "\n")
	f.lines = strings.Count(after, "\n")
}
