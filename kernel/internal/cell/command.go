package cell

import "strings"

// Command is a line `%name arguments` above the Go code of a cell.
type Command struct {
	Name string
	Args string // without surrounding spaces
	Line int    // counted from 1
}

// CutCommands takes the commands off the top of a cell's text. In code, which is as long, they are blank, so that every
// place stays what it is in the cell. The arguments of commands for which codeful is true are Go code and stay there.
// Lines that begin a block (see [BeginsBlock]) are Go.
func CutCommands(text string, codeful func(name string) bool) (cmds []Command, code string) {
	b := []byte(text)
	for at, n := 0, 1; at < len(text); n++ {
		line, _, _ := strings.Cut(text[at:], "\n")
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && (!strings.HasPrefix(trimmed, "%") || BeginsBlock(line)) {
			break
		}
		end := at + len(line)
		if trimmed != "" {
			name, args, _ := strings.Cut(strings.TrimLeft(trimmed, "%"), " ")
			c := Command{Name: name, Args: strings.TrimSpace(args), Line: n}
			if c.Args != "" && codeful(name) {
				end = at + strings.LastIndex(line, c.Args)
				c.Args = ""
			}
			for i := at; i < end; i++ {
				b[i] = ' '
			}
			cmds = append(cmds, c)
			if end < at+len(strings.TrimRight(line, " \t")) {
				break
			}
		}
		at += len(line) + 1
	}
	return cmds, string(b)
}
