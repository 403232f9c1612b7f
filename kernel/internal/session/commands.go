package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
)

// A command is a line `%name arguments` of a cell, or `%%name` on its first: it does something to the session, or changes
// how the cell's Go code is run. See [cell.CutCommands].
type command struct {
	name  string
	usage string // its arguments, as %help shows them
	about string // one line
	more  string // what else there is to know, for %help NAME
	magic bool   // it is written %%name; the others may be
	code  bool   // its arguments are Go code of the cell, as in `%time f(3)`
	takes bool   // that code is the command's alone, not run with the cell
	body  bool   // as %%name it takes the rest of the cell as text
	plain bool   // its arguments are a program's, where -h is no question to us
	when  moment
	// What can stand where, for completion.
	options []string
	args    argument
	// run does it. What it prints goes to c.r.out; it must heed ctx, which an interrupt cancels.
	run func(ctx context.Context, s *Session, c *call) *engine.Error
}

// moment is when a command is run.
type moment int

const (
	before  moment = iota // all Go code of the cell, as in GoNB
	inPlace               // before it, or after it where Go code stands above the command, as in IPython
	after                 // all Go code of the cell
)

// argument is what a command's arguments name.
type argument int

const (
	nothing argument = iota
	files
	folders
	names // variables, functions, types, constants and imports
	commandsNamed
	environment // variables
)

// group is commands that %help lists together.
type group struct {
	title    string
	commands []*command
}

// groups is all commands. Both are filled by init because %help lists them.
var (
	groups     []group
	allByNames map[string]*command
)

func init() {
	groups = []group{
		{"Running a cell", runningCommands},
		{"Values and definitions", namesCommands},
		{"Shell, files and folders", shellCommands},
		{"Modules", moduleCommands},
		{"Earlier cells", historyCommands},
		{"GoLab", systemCommands},
		{"For notebooks of GoNB", gonbCommands},
	}
	allByNames = map[string]*command{}
	for _, g := range groups {
		for _, c := range g.commands {
			allByNames[c.name] = c
		}
	}
	for alias, name := range aliases {
		allByNames[alias] = allByNames[name]
	}
}

// aliases are other names that GoNB and IPython have for commands.
var aliases = map[string]string{"ls": "list", "remove": "rm", "hist": "history", "set_env": "env", "main": "%"}

// lookup is the command of that name; nil if there is none.
func lookup(name string) *command { return allByNames[strings.TrimSuffix(name, "?")] }

// call is a command as one cell gives it.
type call struct {
	cell.Command
	spec *command
	r    *run // the cell
}

// title is the command as it is written.
func title(cmd cell.Command) string {
	switch {
	case strings.HasPrefix(cmd.Name, "!"):
		return cmd.Name
	case cmd.Magic || cmd.Name == "%":
		return "%%" + strings.TrimPrefix(cmd.Name, "%")
	}
	return "%" + cmd.Name
}

// print writes to the cell's standard output.
func (c *call) print(format string, args ...any) {
	c.r.out.Stream("stdout", fmt.Sprintf(format, args...))
}

// failf makes the error of a command.
func (c *call) failf(format string, args ...any) *engine.Error {
	return commandError(c.r.src.Name, c.Command, fmt.Sprintf(format, args...))
}

// usage makes the error of a command whose arguments make no sense.
func (c *call) usage(format string, args ...any) *engine.Error {
	return c.failf("%s\nusage: %s; `%%help %s` tells more", fmt.Sprintf(format, args...), c.spec.synopsis(), c.spec.name)
}

// words are the command's arguments.
func (c *call) words() ([]string, *engine.Error) {
	w, err := splitWords(c.Args)
	if err != nil {
		return nil, c.failf("%v", err)
	}
	return w, nil
}

// splitWords splits arguments at spaces, as GoNB does: double quotes keep them together, and make an empty argument
// possible; in quotes, a backslash takes the next character as it is, \n and \t are what they are in Go.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun, quoted := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case !quoted && strings.IndexByte(" \t\n", c) >= 0:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case c == '"':
			quoted, begun = !quoted, true
		case c == '\\' && quoted && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				word.WriteByte('\n')
			case 't':
				word.WriteByte('\t')
			default:
				word.WriteByte(s[i])
			}
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a \" is not closed in %s", s)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// arguments are the command's options, and its arguments behind them; see options.
func (c *call) arguments(valued string) (opts map[byte]string, rest []string, err *engine.Error) {
	words, err := c.words()
	if err != nil {
		return nil, nil, err
	}
	return c.options(words, valued)
}

// options takes the options off the front of words. Those in valued have a value: the next word, or what follows directly.
func (c *call) options(words []string, valued string) (opts map[byte]string, rest []string, err *engine.Error) {
	opts = map[byte]string{}
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		w := words[0]
		words = words[1:]
		if w == "--" {
			break
		}
		if !slices.Contains(c.spec.options, w[:2]) || strings.HasPrefix(w, "--") {
			return nil, nil, c.usage("there is no option %s here", w)
		}
		if strings.IndexByte(valued, w[1]) < 0 {
			if len(w) > 2 {
				return nil, nil, c.usage("there is no option %s here", w)
			}
			opts[w[1]] = ""
			continue
		}
		value := strings.TrimPrefix(w[2:], "=")
		if value == "" {
			if len(words) == 0 {
				return nil, nil, c.usage("%s needs a value", w)
			}
			value, words = words[0], words[1:]
		}
		opts[w[1]] = value
	}
	return opts, words, nil
}

// cutCommands splits a cell's text into its commands and its Go code, without what is a command's alone.
func cutCommands(text string) (cmds []cell.Command, code string) {
	cmds, code = cell.CutCommands(text, form)
	for _, cmd := range cmds {
		if c := lookup(cmd.Name); c == nil || !c.takes || asksForHelp(c, cmd) {
			continue
		}
		if cmd.Magic {
			return cmds, blankBut(code, 0, 0)
		}
		if cmd.Start > 0 {
			code = code[:cmd.Start] + strings.Repeat(" ", cmd.End-cmd.Start) + code[cmd.End:]
		}
	}
	return cmds, code
}

// form is what the command of that name does with the text around it.
func form(name string) cell.Form {
	if c := lookup(name); c != nil {
		return cell.Form{Code: c.code, Body: c.body}
	}
	return cell.Form{}
}

// commands runs the commands of the cell r whose time it is: before its Go code, or after it.
func (s *Session) commands(ctx context.Context, r *run, cmds []cell.Command, ran bool) *engine.Error {
	blocks := 0
	for _, cmd := range cmds {
		spec := lookup(cmd.Name)
		if cmd.Name == "%" {
			if blocks++; blocks > 1 && !ran {
				return commandError(r.src.Name, cmd, "a cell has one such line: all that follows it is the body of func main")
			}
		}
		later := spec != nil && !asksForHelp(spec, cmd) && (spec.when == after || spec.when == inPlace && cmd.Below)
		if later != ran {
			continue
		}
		if ctx.Err() != nil {
			return interruptedWhile("commands were running")
		}
		if err := s.command(ctx, r, spec, cmd); err != nil {
			return err
		}
	}
	return nil
}

// command runs one command of the cell r.
func (s *Session) command(ctx context.Context, r *run, spec *command, cmd cell.Command) *engine.Error {
	c := &call{Command: cmd, spec: spec, r: r}
	switch {
	case spec == nil:
		return unknownCommand(r.src.Name, cmd)
	case asksForHelp(spec, cmd):
		c.print("%s", spec.help())
		if spec.body || spec.code {
			r.way = done
		}
		return nil
	case spec.body && !cmd.Magic:
		return c.failf("it is written `%%%%%s`, on the first line of a cell: it takes the rest of it", spec.name)
	case spec.body && cmd.Magic && !cmd.Whole:
		return c.failf("it can only appear at the start of the cell: it takes the rest of it")
	}
	return spec.run(ctx, s, c)
}

// asksForHelp reports whether the command asks what it is: `%name?`, `%name -h`.
func asksForHelp(spec *command, cmd cell.Command) bool {
	return strings.HasSuffix(cmd.Name, "?") || !spec.plain && (cmd.Args == "-h" || cmd.Args == "--help" || cmd.Args == "?")
}

func commandError(cellName string, cmd cell.Command, msg string) *engine.Error {
	first, _, _ := strings.Cut(msg, "\n")
	at := fmt.Sprintf("%s:%d:", cellName, cmd.Line)
	return &engine.Error{Name: "command failed", Value: fmt.Sprintf("%s %s: %s", at, title(cmd), first),
		Traceback: strings.Split(fmt.Sprintf("%s %s %s", bold(at), red(title(cmd)+":"), msg), "\n")}
}

func unknownCommand(cellName string, cmd cell.Command) *engine.Error {
	e := commandError(cellName, cmd, "GoLab has no such command")
	e.Name = "unknown command"
	hint := "hint: `%help` lists the commands; `%%` begins the body of func main as in GoNB"
	if why := refused[cmd.Name]; why != "" {
		hint = "hint: " + why
	} else if like := cell.Similar(cmd.Name, slices.Sorted(maps.Keys(allByNames))); like != "" {
		hint = "hint: did you mean " + lookup(like).mark() + like + "?"
	}
	e.Traceback = append(e.Traceback, hint)
	return e
}

// refused says what to do instead of commands that IPython and GoNB have.
var refused = map[string]string{
	"gx":              "GoLab does not run GX; Go with GoMLX computes on GPUs here",
	"pip":             "`!pip …` runs pip; Go modules come by `%get`",
	"conda":           "`!conda …` runs conda; Go modules come by `%get`",
	"matplotlib":      "charts show themselves here: end a cell with viz.Line(…), for example",
	"autoreload":      "modules that `%use DIR` names are compiled again by themselves when their files change",
	"load_ext":        "extensions are ordinary Go packages here: import them",
	"python":          "`%%script python3` runs the rest of the cell with Python",
	"pdb":             "JupyterLab's debugger (the bug symbol above the notebook) debugs cells",
	"debug":           "JupyterLab's debugger (the bug symbol above the notebook) debugs cells",
	"prun":            "`%timeit` measures; runtime/pprof profiles",
	"xdel":            "`%rm NAME` forgets a variable",
	"reset_selective": "`%rm NAME …` forgets single definitions",
}

// mark is how the command's name is written: with one % or two.
func (c *command) mark() string {
	switch {
	case strings.HasPrefix(c.name, "!"):
		return ""
	case c.magic:
		return "%%"
	}
	return "%"
}

// synopsis is the command with its arguments.
func (c *command) synopsis() string {
	return strings.TrimSpace(c.mark() + c.name + " " + c.usage)
}

// help is what %help NAME prints.
func (c *command) help() string {
	text := c.synopsis() + "\n    " + c.about + "\n"
	if c.more != "" {
		text += "\n    " + strings.ReplaceAll(strings.TrimSpace(c.more), "\n", "\n    ") + "\n"
	}
	var also []string
	for _, a := range slices.Sorted(maps.Keys(aliases)) {
		if aliases[a] == c.name {
			also = append(also, "%"+a)
		}
	}
	if len(also) > 0 {
		text += "\n    also: " + strings.Join(also, ", ") + "\n"
	}
	return text
}

// helpWidth is how wide %help writes commands.
const helpWidth = 34

// help is %help.
func help(_ context.Context, _ *Session, c *call) *engine.Error {
	if c.Args != "" {
		name := strings.TrimLeft(c.Args, "%")
		if strings.Trim(c.Args, "%") == "" {
			name = "%"
		}
		spec := lookup(name)
		if spec == nil {
			e := unknownCommand(c.r.src.Name, cell.Command{Name: name, Line: c.Line})
			return c.failf("there is no command %s\n%s", c.Args, e.Traceback[len(e.Traceback)-1])
		}
		c.print("%s", spec.help())
		return nil
	}
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(bold(g.title) + "\n")
		for _, spec := range g.commands {
			s := spec.synopsis()
			if len([]rune(s)) > helpWidth {
				s += "\n" + strings.Repeat(" ", helpWidth+2)
			}
			fmt.Fprintf(&b, "  %-*s %s\n", helpWidth, s, spec.about)
		}
	}
	b.WriteString("\n`%help NAME`, `%NAME?` and `%NAME -h` tell more about one. A command begins a line, where Go has no statement that could begin so;\n" +
		"`//gonb:` may stand before it. Commands are run before the cell's Go code, unless their help says otherwise.\n")
	c.print("%s", b.String())
	return nil
}
