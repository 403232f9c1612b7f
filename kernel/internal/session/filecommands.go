package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/notebook"
)

// shellCommands are those about programs, files and folders.
var shellCommands = []*command{
	{name: "!", usage: "COMMAND", about: "run a shell command (bash, or sh) in the cells' folder", plain: true, args: files, run: shellCommand,
		more: "What it prints shows as it comes. A `\\` at the end of the line takes the next one, too. It has no terminal and no input; see\n" +
			"%with_inputs. As in GoNB and IPython, one that fails does not stop the cell: its exit status is shown. What it leaves running in\n" +
			"the background ends with the session."},
	{name: "!*", usage: "COMMAND", about: "the same, in the folder of the session's go.mod", plain: true, args: files, run: shellCommand,
		more: "There lies also the last cell that ran as an ordinary program, main.go. What changes go.mod, such as `!*go get`, counts at once."},
	{name: "with_inputs", about: "the next ! command reads lines that you type", run: inputs(false)},
	{name: "with_password", about: "the next ! command reads a password that you type", run: inputs(true)},
	{name: "script", usage: "PROGRAM [ARGUMENT …]", magic: true, body: true, about: "have a program read the rest of the cell", plain: true, run: script(),
		more: "An exit status other than 0 is an error of the cell."},
	{name: "bash", usage: "[ARGUMENT …]", magic: true, body: true, about: "run the rest of the cell with bash", plain: true, run: script("bash")},
	{name: "sh", usage: "[ARGUMENT …]", magic: true, body: true, about: "run the rest of the cell with sh", plain: true, run: script("sh")},
	{name: "writefile", usage: "[-a] FILE", magic: true, body: true, about: "write the rest of the cell to a file; -a appends", options: []string{"-a"}, args: files, run: writeFile},
	{name: "cd", usage: "[DIR | -]", about: "change the folder of cells and commands; or tell it", args: folders, run: changeFolder},
	{name: "pwd", about: "tell the folder in which cells and commands run", run: printFolder},
	{name: "env", usage: "[NAME | NAME=VALUE | NAME VALUE | -u NAME]", about: "tell, set or remove environment variables of cells and commands",
		options: []string{"-u"}, args: environment, run: environmentCommand},
	{name: "load", usage: "FILE | CELLS | NAME", about: "put a file's text, cells that ran, or a definition into this cell", args: files, run: load},
	{name: "run", usage: "FILE.go | NOTEBOOK.ipynb [ARGUMENT …]", about: "run a file's code, or a notebook's cells, in this session", plain: true, args: files, run: runFile},
	{name: "save", usage: "[-f] [-a] FILE [CELLS]", about: "write cells that ran to a file; -f replaces it, -a appends", options: []string{"-f", "-a"}, args: files, run: save},
}

// writeFile is %%writefile.
func writeFile(_ context.Context, s *Session, c *call) *engine.Error {
	opts, words, fail := c.arguments("")
	if fail != nil {
		return fail
	}
	c.r.way = done
	if len(words) != 1 {
		return c.usage("one file is to be named")
	}
	path, verb := s.expand(words[0]), "written"
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if _, ok := opts['a']; ok {
		flags, verb = os.O_CREATE|os.O_WRONLY|os.O_APPEND, "appended"
	}
	body := c.Body
	if !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	if err := writeTo(path, flags, body); err != nil {
		return c.failf("%v", err)
	}
	c.print("Cell contents %s to %q.\n", verb, path)
	return nil
}

func writeTo(path string, flags int, text string) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// save is %save.
func save(_ context.Context, s *Session, c *call) *engine.Error {
	opts, words, fail := c.arguments("")
	if fail != nil {
		return fail
	}
	if len(words) == 0 {
		return c.usage("which file?")
	}
	entries, err := s.chooseHistory(c, words[1:])
	if err != nil {
		return c.failf("%v", err)
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "// In [%d]\n%s\n\n", e.Line, strings.TrimRight(e.Input, "\n"))
	}
	path := s.expand(words[0])
	if filepath.Ext(path) == "" {
		path += ".go"
	}
	_, force := opts['f']
	_, appends := opts['a']
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	switch {
	case appends:
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	case force:
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	if err := writeTo(path, flags, b.String()); errors.Is(err, fs.ErrExist) {
		return c.failf("%s is there already; `%%save -f` replaces it, -a appends to it", path)
	} else if err != nil {
		return c.failf("%v", err)
	}
	c.print("%d cells saved in %q\n", len(entries), path)
	return nil
}

// load is %load.
func load(_ context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	if len(words) == 0 {
		return c.usage("what is to be loaded?")
	}
	text := ""
	switch name := words[0]; {
	case strings.Contains(name, "://"):
		return c.failf("nothing is loaded from the network; `!curl -O %s` fetches it, and `%%load` takes the file", name)
	case cellRange.MatchString(name):
		entries, err := s.chooseHistory(c, words)
		if err != nil {
			return c.failf("%v", err)
		}
		var inputs []string
		for _, e := range entries {
			inputs = append(inputs, e.Input)
		}
		text = strings.Join(inputs, "\n\n")
	case len(words) > 1:
		return c.usage("one file is to be named")
	default:
		data, err := os.ReadFile(s.expand(name))
		s.mu.Lock()
		definition, _ := s.state.Definition(name)
		s.mu.Unlock()
		switch {
		case err == nil:
			text = string(data)
		case definition != "":
			text = definition
		default:
			return c.failf("%v", err)
		}
	}
	c.r.payload = append(c.r.payload, engine.Payload{Source: "set_next_input", Replace: true, Text: "// %load " + c.Args + "\n" + strings.TrimRight(text, "\n")})
	return nil
}

// maxDepth is how deep files may run files.
const maxDepth = 16

// notInName is what can't be in the name of a cell, in stack traces.
var notInName = regexp.MustCompile(`[^\pL\pN._-]+`)

// runFile is %run.
func runFile(ctx context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	if len(words) == 0 {
		return c.usage("which file is to be run?")
	}
	if c.r.depth >= maxDepth {
		return c.failf("files that run files, %d deep: does %s run itself?", maxDepth, words[0])
	}
	c.r.depth++
	args := c.r.args
	defer func() { c.r.depth, c.r.args = c.r.depth-1, args }()
	path := s.expand(words[0])
	name := notInName.ReplaceAllString(filepath.Base(path), "_")
	switch filepath.Ext(path) {
	case ".ipynb":
		n, err := notebook.Read(path)
		if err != nil {
			return c.failf("%v", err)
		}
		count := 0
		for _, cl := range n.Cells {
			if !cl.IsCode() || strings.TrimSpace(cl.Source()) == "" || cl.Tagged("skip-execution") {
				continue
			}
			count++
			if ctx.Err() != nil {
				return interruptedWhile(words[0] + " was running")
			}
			c.r.args = words[1:]
			if err := s.part(ctx, c.r, name+"["+strconv.Itoa(count)+"]", cl.Source(), nil); err != nil && !cl.Tagged("raises-exception") {
				return err
			}
		}
		return nil
	case ".go":
		data, err := os.ReadFile(path)
		if err != nil {
			return c.failf("%v", err)
		}
		if strings.HasSuffix(path, "_test.go") {
			return c.failf("%s holds tests: `!go test` runs them where they are", words[0])
		}
		c.r.args = words[1:]
		return s.part(ctx, c.r, name, string(data), nil)
	}
	return c.usage("%s is neither a .go file nor a notebook", words[0])
}
