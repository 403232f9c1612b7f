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

// A command is a line `%name arguments` before a cell's Go code: it does something to the session, or changes how the
// code below it is run. (`%%` and `%main` begin Go code, see package cell.)
type command struct {
	usage string // its arguments, as %help shows them
	about string // one line
	// code: the arguments are Go code of the cell, as in `%time f(3)`.
	code bool
	// run does it. What it prints goes to c.out; it must heed ctx, which an interrupt cancels.
	run func(ctx context.Context, s *Session, c *call) *engine.Error
}

// call is a command as one cell gives it.
type call struct {
	cell.Command
	r   *run // the cell, whose code runs after all commands
	out engine.Sink
}

// failf makes the error of a command.
func (c *call) failf(format string, args ...any) *engine.Error {
	return commandError(c.r.src.Name, c.Command, fmt.Sprintf(format, args...))
}

// commands by name. It is filled by init because %help lists it.
var commands map[string]command

func init() {
	commands = map[string]command{
		"help":   {usage: "[COMMAND]", about: "list the commands, or tell about one", run: help},
		"get":    {usage: "MODULE[@VERSION] …", about: "get modules: the newest version, or that one", run: getModules},
		"use":    {usage: "DIR", about: "use the module in a folder, also while it is edited", run: useModule},
		"mod":    {usage: "[save|load [FILE]]", about: "list the session's modules; keep them beside the notebook", run: mod},
		"replay": {usage: "[all | 1-4,7 …]", about: "restart the worker and run those cells; or list them", run: replay},
		"race":   {usage: "[CODE]", about: "run the cell in a process that looks for data races", code: true, run: raceCell},
		"fmt":    {about: "format the cell's Go code as gofmt does, instead of running it", run: formatCell},
		"time":   {usage: "[CODE]", about: "run the cell and tell where its time went", code: true, run: timeCell},
	}
}

// cutCommands splits a cell's text into its commands and its Go code.
func cutCommands(text string) (cmds []cell.Command, code string) {
	return cell.CutCommands(text, func(name string) bool { return commands[name].code })
}

// command runs one command of the cell r.
func (s *Session) command(ctx context.Context, r *run, cmd cell.Command, out engine.Sink) *engine.Error {
	spec, ok := commands[cmd.Name]
	if !ok {
		return unknownCommand(r.src.Name, cmd)
	}
	return spec.run(ctx, s, &call{Command: cmd, r: r, out: out})
}

func commandError(cellName string, cmd cell.Command, msg string) *engine.Error {
	first, _, _ := strings.Cut(msg, "\n")
	return &engine.Error{Name: "command failed", Value: fmt.Sprintf("%s:%d: %%%s: %s", cellName, cmd.Line, cmd.Name, first),
		Traceback: strings.Split(fmt.Sprintf("%s %s %s", bold(fmt.Sprintf("%s:%d:", cellName, cmd.Line)), red("%"+cmd.Name+":"), msg), "\n")}
}

func unknownCommand(cellName string, cmd cell.Command) *engine.Error {
	e := commandError(cellName, cmd, "GoLab has no such command")
	e.Name = "unknown command"
	hint := "hint: `%help` lists the commands; `%%` begins the body of func main as in GoNB"
	if like := cell.Similar(cmd.Name, slices.Sorted(maps.Keys(commands))); like != "" {
		hint = "hint: did you mean %" + like + "?"
	}
	e.Traceback = append(e.Traceback, hint)
	return e
}

// help is %help.
func help(_ context.Context, _ *Session, c *call) *engine.Error {
	names := slices.Sorted(maps.Keys(commands))
	if c.Args != "" {
		name := strings.TrimLeft(c.Args, "%")
		if _, ok := commands[name]; !ok {
			return c.failf("there is no command %%%s; `%%help` lists them", name)
		}
		names = []string{name}
	}
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%-24s %s\n", strings.TrimSpace("%"+n+" "+commands[n].usage), commands[n].about)
	}
	c.out.Stream("stdout", b.String())
	return nil
}

// timeCell is %time: execute prints the times when the cell has ended.
func timeCell(_ context.Context, _ *Session, c *call) *engine.Error {
	c.r.timed = true
	return nil
}

// raceCell is %race: execute runs the cell under the race detector, not in the worker.
func raceCell(_ context.Context, _ *Session, c *call) *engine.Error {
	c.r.race = true
	return nil
}
