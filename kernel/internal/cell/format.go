package cell

import (
	"cmp"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"regexp"
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
		f.write(cmp.Or(f.block, code[block:end]), "", "\n")
		if end < len(code) {
			f.piece(end+1, len(code), nil, true)
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
	block    string // the line that begins a block, if it has arguments
	out      strings.Builder
	lines    int // ends of lines since the last piece
	errs     Errors
}

// commandMark begins the comment that stands for a command.
const commandMark = "/*ʼ"

// mask puts comments where the code is blank and text is not.
func (f *formatter) mask(code, text string) string {
	var b strings.Builder
	at := 0
	for line := range strings.Lines(text) {
		rest := code[at : at+len(line)]
		at += len(line)
		if rest != line && blockLine(rest) == 0 { // `%% arguments`
			f.block = strings.TrimSpace(line)
			line = rest
		}
		if rest == line {
			b.WriteString(line)
			continue
		}
		n := len(f.commands)
		if goes := strings.TrimSpace(rest); goes != "" { // `%time f(3)`
			start := strings.Index(rest, goes)
			f.commands = append(f.commands, strings.TrimSpace(line[:start])+" ")
			fmt.Fprintf(&b, "%s%d:*/ %s", commandMark, n, rest[start:])
			continue
		}
		f.commands = append(f.commands, strings.TrimRight(line, " \t\r\n"))
		fmt.Fprintf(&b, "%s%d*/\n", commandMark, n)
	}
	return b.String()
}

var maskedCommand = regexp.MustCompile(`^\s*/\*ʼ(\d+)(:?)\*/`)

func (f *formatter) unmask() string {
	var lines []string
	before := "" // a command whose code is on the next line: gofmt put it there
	for line := range strings.Lines(strings.TrimSpace(f.out.String())) {
		line = before + strings.TrimSuffix(line, "\n")
		before = ""
		if m := maskedCommand.FindStringSubmatch(line); m != nil {
			if i, err := strconv.Atoi(m[1]); err == nil && i < len(f.commands) {
				line = f.commands[i] + strings.TrimLeft(line[len(m[0]):], " ")
				if m[2] != "" && line == f.commands[i] {
					before = line
					continue
				}
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
		f.piece(from, to, run, !declares(c))
		from = to
	}
	if len(chunks) == 0 {
		f.piece(0, len(code), nil, true)
	}
}

// declares reports whether c is a declaration that only a file can have.
func declares(c chunk) bool { return c.tok != token.ILLEGAL && c.tok != token.VAR }

// firstStatement has a piece of text taken for statements.
const firstStatement = "ʼ()\n"

// piece formats the cell from one offset to another, statements or declarations. If it is no Go but chunks are known, each is
// tried alone.
func (f *formatter) piece(from, to int, chunks []chunk, statements bool) {
	code := f.src.Text[from:to]
	body := strings.TrimSpace(code)
	lead := strings.Index(code, body)
	head := ""
	if statements {
		head = firstStatement
	}
	out, err := format.Source([]byte(head + body))
	if err == nil || body == "" {
		f.write(strings.TrimPrefix(string(out), head), code[:lead], code[lead+len(body):])
		return
	}
	if len(chunks) > 1 {
		for i := range chunks {
			end := to
			if i+1 < len(chunks) {
				end = chunks[i+1].start
			}
			f.piece(from, end, chunks[i:i+1], statements)
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
	for range e.Pos.Line - 1 - strings.Count(head, "\n") {
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
