package cell

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Command is a line of a cell for the session, not for Go: `%name arguments` or `!shell command`.
type Command struct {
	Name string // "time"; "!" or "!*" of a shell command; "%" of a line that begins a block, `%%` or `%main`
	Args string // without surrounding spaces; lines that a `\` joins are one
	Line int    // counted from 1
	// Magic tells `%%name` from `%name`.
	Magic bool
	// Body is the rest of the cell below a magic that takes it as text, which Whole tells.
	Body  string
	Whole bool
	// Below says that there is Go code above the command.
	Below bool
	// Code is the place of arguments that are Go code, in the cell's text; Start is 0 otherwise.
	Start, End int
}

// Form is what a command does with the text around it.
type Form struct {
	Code bool // its arguments are Go code, which stays in the cell
	Body bool // written `%%name`, on the first line, it takes the rest of the cell as text
}

// gonbPrefix may stand before a command so that Go's tools take its line for a comment; GoNB has it.
const gonbPrefix = "//gonb:"

// CutCommands takes the commands out of a cell's text. In code, which is as long, they are blank, so that every place
// stays what it is in the cell; of a line that begins a block, `%%` is left at its start.
//
// A command begins a line, where Go has no statement that could begin so: what looks like one in a string, a comment or
// the middle of an expression is Go. Above all code it may be indented.
func CutCommands(text string, form func(name string) Form) (cmds []Command, code string) {
	b := []byte(text)
	for at, first := 0, true; ; first = false {
		start := findCommand(string(b), at, func(string) bool { return true })
		if start < 0 {
			return cmds, string(b)
		}
		c, end := readCommand(text, start, false)
		if !form(c.Name).Code {
			c, end = readCommand(text, start, true)
		}
		c.Line = strings.Count(text[:start], "\n") + 1
		c.Below = strings.TrimSpace(string(b[:start])) != ""
		f := form(c.Name)
		switch {
		case c.Magic && f.Body && first && !c.Below:
			c.Whole = true
			if end < len(text) {
				c.Body = text[end+1:]
			}
			end = len(text)
		case c.Name == "%":
			copy(b[start:], "%%")
			blank(b[start+2 : end])
			cmds = append(cmds, c)
			at = end
			continue
		case f.Code && c.Args != "" && !strings.HasSuffix(c.Name, "?"):
			c.End = start + len(strings.TrimRight(text[start:end], " \t\r"))
			c.Start = c.End - len(c.Args)
			end = c.Start
		}
		blank(b[start:end])
		cmds = append(cmds, c)
		at = end
	}
}

// blank puts spaces for everything but line ends.
func blank(b []byte) {
	for i, c := range b {
		if c != '\n' {
			b[i] = ' '
		}
	}
}

// readCommand reads the command at start, with joins also the lines that a `\` joins to it; end is the end of its last line.
func readCommand(text string, start int, joins bool) (c Command, end int) {
	end = start
	var joined strings.Builder
	for {
		line, _, more := strings.Cut(text[end:], "\n")
		end += len(line)
		line = strings.TrimRight(line, "\r")
		if joined.Len() > 0 || strings.HasPrefix(line, gonbPrefix) {
			line = strings.TrimPrefix(line, gonbPrefix)
		}
		before, goes := strings.CutSuffix(line, `\`)
		if !joins || !goes || !more {
			joined.WriteString(line)
			break
		}
		joined.WriteString(before + " ")
		end++
	}
	line := strings.TrimSpace(joined.String())
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		c.Name = "!"
		rest = strings.TrimLeft(rest, " \t")
		if inner, ok := strings.CutPrefix(rest, "*"); ok {
			c.Name, rest = "!*", inner
		}
		c.Args = strings.TrimSpace(rest)
		return c, end
	}
	rest := line[1:]
	if magic, ok := strings.CutPrefix(rest, "%"); ok {
		rest, c.Magic = magic, true
	} else {
		rest = strings.TrimLeft(rest, " \t") // as GoNB has it
	}
	i := strings.IndexAny(rest, " \t")
	if i < 0 {
		i = len(rest)
	}
	c.Name, c.Args = rest[:i], strings.TrimSpace(rest[i:])
	switch {
	case c.Magic && strings.Trim(c.Name, "?") == "":
		c.Name, c.Magic = "%"+c.Name, false
	case !c.Magic && c.Name == "main":
		c.Name = "%"
	}
	return c, end
}

// findCommand is the offset of the first line from offset at on that is a command which is wanted; -1 if there is none.
// There, no Go statement has been begun.
func findCommand(text string, at int, wanted func(line string) bool) int {
	if !strings.ContainsAny(text[at:], "%!") {
		return -1
	}
	fset := token.NewFileSet()
	rest := text[at:]
	file := fset.AddFile("", -1, len(rest))
	var s scanner.Scanner
	s.Init(file, []byte(rest), func(token.Position, string) {}, scanner.ScanComments)
	last := token.SEMICOLON
	begun := strings.TrimSpace(text[:at]) != "" // there has been Go code
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return -1
		}
		off := at + file.Offset(pos)
		begins := off == 0 || text[off-1] == '\n' || !begun && tok == token.REM
		var mark byte
		switch {
		case tok == token.REM || tok == token.NOT: // not `%=` and `!=`
			mark = text[off]
		case tok == token.COMMENT && strings.HasPrefix(lit, gonbPrefix) && len(lit) > len(gonbPrefix):
			mark = lit[len(gonbPrefix)]
		}
		if begins && (mark == '%' || mark == '!') && (last == token.SEMICOLON || last == token.LBRACE && mark == '%') {
			line, _, _ := strings.Cut(text[off:], "\n")
			if text[off] == '/' {
				line = strings.TrimPrefix(line, gonbPrefix)
			}
			if len(strings.TrimSpace(line)) > 1 && wanted(line) {
				return off
			}
		}
		if tok != token.COMMENT {
			last, begun = tok, true
		}
	}
}
