package session

import (
	"context"
	"fmt"
	"html"
	"os"
	"slices"
	"strings"

	"golab/kernel/internal/engine"
	"golab/kernel/internal/modules"
	"golab/kernel/internal/pipe"
	"golab/kernel/nb"
)

// namesCommands are those about what the session has declared.
var namesCommands = []*command{
	{name: "who", usage: "[TYPE …]", about: "name the session's variables, or those of some types", when: inPlace, run: who},
	{name: "whos", usage: "[TYPE …]", about: "list the variables with type, size, shape and cell", when: inPlace, run: whos},
	{name: "who_ls", usage: "[TYPE …]", about: "the sorted names of the variables, as the cell's value", when: inPlace, run: whoList},
	{name: "list", usage: "", about: "list all that cells have declared and imported", run: listDefinitions},
	{name: "rm", usage: "NAME …", about: "forget variables, functions, types, constants or imports", args: names, run: removeDefinitions,
		more: "Code that runs already goes on with what it has. A method is named T.M."},
	{name: "reset", usage: "[go.mod]", about: "forget everything, modules too, and restart the worker; or the modules alone", run: reset,
		more: "-f, which IPython wants, is taken and means nothing: nobody is asked."},
}

// definitions is the names that the session knows, by kinds, as GoNB calls these.
func (s *Session) definitions() (titles []string, lists map[string][]string) {
	s.mu.Lock()
	state := s.state.Snapshot()
	s.mu.Unlock()
	titles = []string{"Imports", "Constants", "Types", "Variables", "Functions"}
	kinds := map[string]string{"module": "Imports", "constant": "Constants", "type": "Types", "variable": "Variables", "function": "Functions"}
	lists = map[string][]string{}
	for _, n := range state.Names() {
		t := kinds[state.Kind(n)]
		lists[t] = append(lists[t], n)
	}
	lists["Functions"] = append(lists["Functions"], state.Methods()...)
	slices.Sort(lists["Functions"])
	return titles, lists
}

// listDefinitions is %list.
func listDefinitions(_ context.Context, s *Session, c *call) *engine.Error {
	if c.Args != "" {
		return c.usage("it takes no arguments")
	}
	titles, lists := s.definitions()
	text, markup := "", "<h3>Memorized Definitions</h3>\n"
	for _, t := range titles {
		if len(lists[t]) == 0 {
			continue
		}
		text += t + ": " + strings.Join(lists[t], ", ") + "\n"
		markup += "<h4>" + t + "</h4>\n<ul>\n"
		for _, n := range lists[t] {
			markup += "<li><pre>" + html.EscapeString(n) + "</pre></li>\n"
		}
		markup += "</ul>\n"
	}
	if text == "" {
		text, markup = "nothing has been declared yet\n", "<i>nothing has been declared yet</i>"
	}
	c.r.out.Display(nb.Output{Data: nb.Bundle{"text/plain": strings.TrimSuffix(text, "\n"), "text/html": markup}})
	return nil
}

// gonbKinds is how GoNB calls kinds of definitions where it removes them.
var gonbKinds = map[string]string{"module": "import", "constant": "const", "type": "type", "variable": "var", "function": "func", "method": "method"}

// removeDefinitions is %rm.
func removeDefinitions(_ context.Context, s *Session, c *call) *engine.Error {
	words, err := c.words()
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return c.usage("what is to be forgotten?")
	}
	var values []string
	for _, name := range words {
		s.mu.Lock()
		kind := s.state.Remove(strings.ReplaceAll(name, "~", "."), c.r.src.Gen) // GoNB writes T~M
		s.mu.Unlock()
		if kind == "" {
			c.r.out.Stream("stderr", fmt.Sprintf(". key %q not found in any definition, not removed\n", name))
			continue
		}
		if kind == "variable" {
			values = append(values, name)
		}
		c.print(". removed %s %s\n", gonbKinds[kind], name)
	}
	if len(values) > 0 {
		s.change(pipe.Settings{Discard: values})
	}
	return nil
}

// reset is %reset.
func reset(ctx context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "-f" })
	if len(words) > 1 || len(words) == 1 && words[0] != "go.mod" {
		return c.usage("its only argument is `go.mod`")
	}
	s.mods.folder = nil
	if err := os.RemoveAll(s.settings.modules); err != nil {
		return c.failf("%v", err)
	}
	if len(words) == 1 {
		s.mu.Lock()
		s.space = s.base.Space()
		s.mu.Unlock()
		c.print("the session has no modules any more beyond GoLab's own; what the worker has loaded stays there\n")
		return nil
	}
	if err := s.replaceWorker(ctx, c.r.out, modules.Packages{}); err != nil {
		return c.ended(ctx, err)
	}
	s.forgetState()
	c.print("* State reset: all memorized declarations discarded.\n")
	return nil
}

// chosen is the session's variables whose types a command names, or all.
func (s *Session) chosen(c *call) ([]engine.Variable, *engine.Error) {
	types, err := c.words()
	if err != nil {
		return nil, err
	}
	var vars []engine.Variable
	for _, v := range s.Variables() {
		if len(types) == 0 || slices.Contains(types, v.Type) || slices.Contains(types, strings.TrimLeft(v.Type, "*")) {
			vars = append(vars, v)
		}
	}
	slices.SortFunc(vars, func(a, b engine.Variable) int { return strings.Compare(a.Name, b.Name) })
	return vars, nil
}

// who is %who.
func who(_ context.Context, s *Session, c *call) *engine.Error {
	vars, err := s.chosen(c)
	if err != nil {
		return err
	}
	var list []string
	for _, v := range vars {
		list = append(list, v.Name)
	}
	if len(list) == 0 {
		c.print("no variables%s\n", ofTypes(c))
		return nil
	}
	c.print("%s\n", strings.Join(list, "\t "))
	return nil
}

func ofTypes(c *call) string {
	if c.Args == "" {
		return " yet"
	}
	return " of type " + c.Args
}

// whoList is %who_ls.
func whoList(_ context.Context, s *Session, c *call) *engine.Error {
	vars, err := s.chosen(c)
	if err != nil {
		return err
	}
	list := []string{}
	for _, v := range vars {
		list = append(list, v.Name)
	}
	c.r.out.Result(nb.Bundle{"text/plain": fmt.Sprintf("%q", list)})
	return nil
}

// whos is %whos.
func whos(_ context.Context, s *Session, c *call) *engine.Error {
	vars, err := s.chosen(c)
	if err != nil {
		return err
	}
	if len(vars) == 0 {
		c.print("no variables%s\n", ofTypes(c))
		return nil
	}
	c.r.out.Display(nb.Output{Data: variableTable(vars)})
	return nil
}

// variableTable shows variables as text and as HTML.
func variableTable(vars []engine.Variable) nb.Bundle {
	rows := [][]string{{"Variable", "Type", "Size", "Shape", "Cell", "Value"}}
	for _, v := range vars {
		value := v.Value
		if v.Lost != "" {
			value = "lost: " + v.Lost
		}
		rows = append(rows, []string{v.Name, v.Type, bytesText(v.Size), v.Shape, v.Cell, value})
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, f := range r {
			width[i] = max(width[i], len([]rune(f)))
		}
	}
	var text, markup strings.Builder
	markup.WriteString("<table>\n")
	for n, r := range rows {
		line, tag := "", "td"
		if n == 0 {
			tag = "th"
		}
		markup.WriteString("<tr>")
		for i, f := range r {
			pad := strings.Repeat(" ", width[i]-len([]rune(f)))
			align := "left"
			if i == 2 { // sizes
				line, align = line+pad+f+"  ", "right"
			} else {
				line += f + pad + "  "
			}
			fmt.Fprintf(&markup, `<%s style="text-align:%s">%s</%s>`, tag, align, html.EscapeString(f), tag)
		}
		markup.WriteString("</tr>\n")
		text.WriteString(strings.TrimRight(line, " ") + "\n")
		if n == 0 {
			text.WriteString(strings.Repeat("─", len([]rune(strings.TrimRight(line, " ")))) + "\n")
		}
	}
	markup.WriteString("</table>")
	return nb.Bundle{"text/plain": strings.TrimSuffix(text.String(), "\n"), "text/html": markup.String()}
}

// bytesText writes a size for a person; empty if it is not known.
func bytesText(n int64) string {
	if n < 0 {
		return ""
	}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 4 {
		v /= 1000
		unit++
	}
	prec := 1
	if v >= 99.95 {
		prec = 0
	}
	return fmt.Sprintf("%.*f %s", prec, v, []string{"B", "kB", "MB", "GB", "TB"}[unit])
}
