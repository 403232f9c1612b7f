package session

import (
	"html"
	"maps"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// spot is where the cursor stands in a cell: in Go code, a command, or text of a command.
type spot struct {
	code    string // the cell's Go code, in which commands are blank
	command string // the line of a command up to the cursor, or ""
	text    bool   // the cursor is in text that a command takes, which is no Go
}

// placeIn finds out where cursor stands.
func placeIn(text string, cursor int) spot {
	cmds, code := cell.CutCommands(text, form) // the Go code that is a command's alone is Go, too
	at := spot{code: code}
	from := strings.LastIndexByte(text[:cursor], '\n') + 1
	for _, c := range cmds {
		if c.Whole && from > 0 {
			at.text = true
			return at
		}
	}
	line := strings.TrimLeft(text[from:cursor], " \t")
	switch {
	case !strings.HasPrefix(line, "%") && !strings.HasPrefix(line, "!"):
	case line == "%" || line == "%%": // is yet to become one, or begins a block
		at.command = line
	case strings.TrimSpace(strings.TrimPrefix(code[cursor-len(line):cursor], "%%")) == "" || inOptions(line):
		at.command = line
	}
	return at
}

// inOptions reports whether the line of a command ends with an option, before its code.
func inOptions(line string) bool {
	spec := named(line)
	if spec == nil || len(spec.options) == 0 {
		return false
	}
	words := strings.Fields(line)
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "-") && strings.Trim(w, "0123456789") != "" {
			return false
		}
	}
	return len(words) > 1 && strings.HasPrefix(words[len(words)-1], "-") && strings.HasSuffix(line, words[len(words)-1])
}

// named is the command with which a line begins; nil if there is none of that name.
func named(line string) *command {
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		if strings.HasPrefix(rest, "*") {
			return lookup("!*")
		}
		return lookup("!")
	}
	name, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if name == "%%" {
		return lookup("%")
	}
	return lookup(strings.TrimLeft(name, "%"))
}

// describeCommand tells about the command with which a line begins; nil if there is none of that name.
func describeCommand(line string) nb.Bundle {
	c := named(line)
	if c == nil {
		return nil
	}
	head, text := c.synopsis(), c.about
	if c.more != "" {
		text += "\n\n" + c.more
	}
	return nb.Bundle{
		"text/plain":    c.help(),
		"text/markdown": fenced(head) + "\n\n" + markdownText.Replace(text),
		"text/html":     "<pre><code>" + html.EscapeString(head) + "</code></pre>\n<p>" + strings.ReplaceAll(html.EscapeString(text), "\n\n", "</p>\n<p>") + "</p>",
	}
}

// markdownText keeps text from being taken for Markdown.
var markdownText = strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "<", "\\<", "[", "\\[")

// completeCommand completes the name of a command, or its arguments.
func (s *Session) completeCommand(line string, cursor int) engine.Completions {
	if i := strings.LastIndexAny(line, " \t\"'=<>|;&!*"); i >= 0 {
		return s.completeArgument(line, line[i+1:], cursor)
	}
	c := engine.Completions{Start: cursor - len(line), End: cursor}
	list := slices.Sorted(maps.Keys(allByNames))
	if strings.HasPrefix(line, "%%") { // those that are always written so come first
		slices.SortStableFunc(list, func(a, b string) int {
			switch first := allByNames[a].magic; {
			case first == allByNames[b].magic:
				return 0
			case first:
				return -1
			}
			return 1
		})
	}
	for _, n := range list {
		spec := allByNames[n]
		marks := []string{"%", "%%"}
		switch {
		case strings.HasPrefix(n, "!"):
			continue
		case n == "%":
			marks = []string{"%"} // it is the second one
		case spec.magic:
			marks = []string{"%%"}
		case !strings.HasPrefix(line, "%%"):
			marks = []string{"%"}
		}
		for _, m := range marks {
			if strings.HasPrefix(m+n, line) {
				c.Matches, c.Types = append(c.Matches, m+n), append(c.Types, "magic")
			}
		}
	}
	return c
}

// completeArgument completes word, the last of a command's arguments.
func (s *Session) completeArgument(line, word string, cursor int) engine.Completions {
	spec := named(line)
	c := engine.Completions{Start: cursor - len(word), End: cursor}
	if spec == nil {
		return c
	}
	add := func(kind string, names ...string) {
		for _, n := range names {
			if strings.HasPrefix(n, word) {
				c.Matches, c.Types = append(c.Matches, n), append(c.Types, kind)
			}
		}
	}
	if strings.HasPrefix(word, "-") || !slices.ContainsFunc(spec.options, func(o string) bool { return strings.HasPrefix(o, "-") }) {
		add("option", spec.options...)
	}
	switch spec.args {
	case files, folders:
		if len(c.Matches) == 0 || word == "" {
			found := s.completeWord(word, cursor, spec.args == folders)
			if len(c.Matches) == 0 {
				return found
			}
			c.Matches, c.Types = append(c.Matches, found.Matches...), append(c.Types, found.Types...)
		}
	case names:
		s.mu.Lock()
		all := s.state.Names()
		kinds := map[string]string{}
		for _, n := range all {
			kinds[n] = s.state.Kind(n)
		}
		s.mu.Unlock()
		for _, n := range all {
			add(kinds[n], n)
		}
	case commandsNamed:
		for _, n := range slices.Sorted(maps.Keys(allByNames)) {
			add("magic", n)
		}
	case environment:
		_, env := s.now()
		names := map[string]bool{}
		for _, kv := range env {
			n, _, _ := strings.Cut(kv, "=")
			names[n] = true
		}
		add("variable", slices.Sorted(maps.Keys(names))...)
	}
	return c
}
