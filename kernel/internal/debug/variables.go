package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/pipe"
)

// variable is one as the protocol has it.
type variable struct {
	Name               string `json:"name"`
	Value              string `json:"value"`
	Type               string `json:"type,omitempty"`
	EvaluateName       string `json:"evaluateName,omitempty"`
	VariablesReference int    `json:"variablesReference"`
}

// ref is what a reference to variables stands for. Delve's own numbers mean something while the worker stands only.
type ref struct {
	delve   int          // Delve's reference
	frame   *frame       // of a scope
	session bool         // the session's variables, not the frame's
	part    *pipe.Unfold // a part of a variable of the worker
}

// refer numbers a reference.
func (d *Debugger) refer(r ref) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	d.refs[d.next] = r
	return d.next
}

// at finds a frame of the stack at which the worker stands.
func (d *Debugger) at(id int) (*delve, *stop, frame, error) {
	dl, err := d.current()
	if err != nil {
		return nil, nil, frame{}, err
	}
	d.mu.Lock()
	s := d.stop
	d.mu.Unlock()
	if s == nil {
		return nil, nil, frame{}, errRunning
	}
	if i := slices.IndexFunc(s.all, func(f frame) bool { return f.ID == id }); i >= 0 {
		return dl, s, s.all[i], nil
	}
	if id == 0 && len(s.all) > 0 {
		if i := slices.IndexFunc(s.all, func(f frame) bool { return !d.ours(f) }); i >= 0 {
			return dl, s, s.all[i], nil
		}
		return dl, s, s.all[0], nil
	}
	return dl, s, frame{ID: id}, nil // of another goroutine
}

// scopes tells that a frame has its own variables, and the session's.
func (d *Debugger) scopes(_ context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct{ FrameID int }](args)
	if err != nil {
		return nil, err
	}
	_, _, f, err := d.at(a.FrameID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"scopes": []any{
		map[string]any{"name": "Locals", "presentationHint": "locals", "variablesReference": d.refer(ref{frame: &f}), "expensive": false},
		map[string]any{"name": "Session", "variablesReference": d.refer(ref{frame: &f, session: true}), "expensive": false},
	}}, nil
}

// listVariables tells what is in a scope or a variable.
func (d *Debugger) listVariables(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct {
		VariablesReference int
		Start, Count       int
	}](args)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	r, ok := d.refs[a.VariablesReference]
	stopped := d.stop != nil
	d.mu.Unlock()
	if !ok {
		return nil, errors.New("these variables are of an earlier stop")
	}
	var list []variable
	switch {
	case r.part != nil:
		if stopped {
			return nil, errors.New("while a cell is stopped, see its Session scope")
		}
		list, err = d.parts(ctx, *r.part)
	case r.session:
		list, err = d.sessionVariables(ctx, *r.frame)
	case r.frame != nil:
		list, err = d.localVariables(ctx, *r.frame)
	default:
		var dl *delve
		if dl, err = d.current(); err == nil {
			list, err = d.children(ctx, dl, r.delve)
		}
	}
	if err != nil {
		return nil, err
	}
	if a.Start > 0 {
		list = list[min(a.Start, len(list)):]
	}
	if a.Count > 0 && a.Count < len(list) {
		list = list[:a.Count]
	}
	if list == nil {
		list = []variable{}
	}
	return map[string]any{"variables": list}, nil
}

// children asks Delve for what is in one of its references.
func (d *Debugger) children(ctx context.Context, dl *delve, reference int) ([]variable, error) {
	list, err := dl.variables(ctx, reference)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = d.presented(list[i])
	}
	return list, nil
}

// variables is Delve's own answer.
func (dl *delve) variables(ctx context.Context, reference int) ([]variable, error) {
	b, err := dl.request(ctx, "variables", map[string]any{"variablesReference": reference})
	if err != nil {
		return nil, err
	}
	var reply struct{ Variables []variable }
	err = json.Unmarshal(b, &reply)
	return reply.Variables, err
}

// presented is a variable of Delve's as the client sees it.
func (d *Debugger) presented(v variable) variable {
	v.Name, v.Type, v.Value = clean(v.Name), clean(v.Type), value(v)
	if v.VariablesReference != 0 {
		v.VariablesReference = d.refer(ref{delve: v.VariablesReference})
	}
	return d.fit(v)
}

// fit leaves out types where JupyterLab's tree of variables (4.6, panels/variables) would show them instead of values: it
// knows the values of Python's plain types, and numbers up to 2⁵³.
func (d *Debugger) fit(v variable) variable {
	d.mu.Lock()
	lab := d.client == "jupyterlab"
	d.mu.Unlock()
	if lab && v.VariablesReference == 0 && v.Type != "bool" && (v.Type != "int" || len(v.Value) > 15) {
		v.Type = ""
	}
	return v
}

var hexadecimal = regexp.MustCompile(`^(\d+) = 0x[0-9a-f]+$`)

func value(v variable) string {
	if m := hexadecimal.FindStringSubmatch(v.Value); m != nil {
		return m[1]
	}
	return clean(v.Value)
}

var packageName = regexp.MustCompile(`(^|[^\w./ʼ])nb\.`)

// clean writes types' names as the user knows them, but not in texts.
func clean(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			i = len(s)
		}
		b.WriteString(cell.PlainName(cell.PlainPaths(packageName.ReplaceAllString(s[:i], "$1"))))
		s = s[i:]
		if s == "" {
			break
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(s))
		b.WriteString(s[:end])
		s = s[end:]
	}
	return b.String()
}

// locals are the variables of a frame, as Delve has them.
type locals []variable

func (l locals) find(name string) *variable {
	for i := len(l) - 1; i >= 0; i-- { // the innermost comes last
		if l[i].Name == name {
			return &l[i]
		}
	}
	return nil
}

// localsOf asks Delve for the variables of a frame, once a stop.
func (d *Debugger) localsOf(ctx context.Context, dl *delve, s *stop, f frame) (locals, error) {
	d.mu.Lock()
	l, ok := s.locals[f.ID]
	d.mu.Unlock()
	if ok {
		return l, nil
	}
	b, err := dl.request(ctx, "scopes", map[string]any{"frameId": f.ID})
	if err != nil {
		return nil, err
	}
	var reply struct {
		Scopes []struct{ VariablesReference int }
	}
	if err := json.Unmarshal(b, &reply); err != nil || len(reply.Scopes) == 0 {
		return nil, errors.Join(err, errors.New("the frame has no variables"))
	}
	list, err := dl.variables(ctx, reply.Scopes[0].VariablesReference)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	s.locals[f.ID] = list
	d.mu.Unlock()
	return list, nil
}

// localVariables are those of a frame that the user has named. In a cell's statements these are the session's that they name.
func (d *Debugger) localVariables(ctx context.Context, f frame) ([]variable, error) {
	dl, s, _, err := d.at(f.ID)
	if err != nil {
		return nil, err
	}
	l, err := d.localsOf(ctx, dl, s, f)
	if err != nil {
		return nil, err
	}
	var list []variable
	for _, v := range l { // what a cell names of the session is to its statements what other variables are to a function's
		name, ok := strings.CutPrefix(v.Name, cell.BodyName(""))
		if !ok || d.undeclared(s, f, name) {
			continue
		}
		if in, expr, err := d.sessionExpr(ctx, dl, s, f, name); err == nil {
			if x, err := dl.evaluate(ctx, in, expr, ""); err == nil {
				x.Name = name
				x = d.presented(x)
				x.EvaluateName = name
				list = append(list, x)
			}
		}
	}
	for _, v := range l {
		switch {
		case strings.Contains(v.Name, "ʼ"):
			continue // of generated code
		case strings.HasPrefix(v.Name, "~"), strings.HasPrefix(v.Name, "."): // results without names have no value before the end
			continue
		}
		list = append(list, d.presented(v))
	}
	return list, nil
}

// generation finds loaded code. d.mu is held.
func (d *Debugger) generation(id int) (Generation, bool) {
	i := slices.IndexFunc(d.loaded, func(g Generation) bool { return g.ID == id })
	if i < 0 {
		return Generation{}, false
	}
	return d.loaded[i], true
}

// sessionVariables are the session's as they are now, seen from a frame.
func (d *Debugger) sessionVariables(ctx context.Context, f frame) ([]variable, error) {
	dl, s, _, err := d.at(f.ID)
	if err != nil {
		return nil, err
	}
	known := map[string]*pipe.Part{}
	names := []string{}
	d.mu.Lock()
	vars := d.variables
	d.mu.Unlock()
	for i, p := range vars {
		known[p.Name] = &vars[i]
		names = append(names, p.Name)
	}
	for _, g := range d.within(s, f) {
		l, err := d.localsOf(ctx, dl, s, g)
		if err != nil {
			continue
		}
		for _, v := range l {
			if name, ok := strings.CutPrefix(v.Name, cell.BodyName("")); ok && !slices.Contains(names, name) && !d.undeclared(s, f, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	list := []variable{}
	for _, name := range names {
		at, expr, err := d.sessionExpr(ctx, dl, s, f, name)
		var v variable
		if err == nil {
			v, err = dl.evaluate(ctx, at, expr, "")
		}
		p := known[name]
		switch {
		case err == nil:
			v.Name = name
			v = d.presented(v)
			v.EvaluateName = name
		case p != nil: // no code for a debugger has its type: as it was when the cell began
			v = d.fit(variable{Name: name, Type: p.Type, Value: p.Value, EvaluateName: name})
		default:
			continue
		}
		list = append(list, v)
	}
	return list, nil
}

// within is a frame and the bodies of cells below it, which have the variables of the session at hand.
func (d *Debugger) within(s *stop, f frame) []frame {
	list := []frame{f}
	i := slices.IndexFunc(s.all, func(g frame) bool { return g.ID == f.ID })
	if i < 0 {
		return list
	}
	for _, g := range s.all[i:] {
		if g.ID != f.ID && g.inCell() && (g.body() || strings.HasPrefix(g.Func, "nb."+cell.PlainCell+".")) {
			list = append(list, g)
		}
	}
	return list
}

// sessionExpr is how Delve can be asked for a session variable: in a frame, an expression.
func (d *Debugger) sessionExpr(ctx context.Context, dl *delve, s *stop, f frame, name string) (in frame, expr string, err error) {
	if !d.undeclared(s, f, name) {
		for _, g := range d.within(s, f) {
			l, err := d.localsOf(ctx, dl, s, g)
			if err != nil {
				continue
			}
			p := l.find(cell.BodyName(name))
			switch {
			case p == nil:
				continue
			case g.ID == f.ID:
				return f, "(*" + p.Name + ")", nil
			}
			if at, ok := dl.pointer(ctx, g, p.Name); ok {
				return f, deref(strings.TrimPrefix(p.Type, "*"), at), nil
			}
			return g, "(*" + p.Name + ")", nil
		}
		d.mu.Lock()
		g, ok := d.generation(f.Gen)
		d.mu.Unlock()
		if ok && slices.Contains(g.Globals, name) { // Delve looks long for what there is not
			return f, "(*nb." + cell.GlobalName(f.Gen, name) + ")", nil
		}
	}
	d.mu.Lock()
	vars := d.variables
	d.mu.Unlock()
	for _, p := range vars {
		if p.Name == name && p.Addr != 0 && p.Dwarf != "" {
			return f, deref(p.Dwarf, p.Addr), nil
		}
	}
	return f, "", fmt.Errorf("%s is no variable", name)
}

// deref is the value of a type at an address, as Delve writes it. It knows no names of pointers to types.
func deref(typ string, addr uint64) string {
	name := strings.TrimLeft(typ, "*")
	return fmt.Sprintf("(*(*%s%q)(%#x))", typ[:len(typ)-len(name)], name, addr)
}

// pointer is the address that a pointer holds.
func (dl *delve) pointer(ctx context.Context, f frame, expr string) (uint64, bool) {
	v, err := dl.evaluate(ctx, f, "uintptr("+expr+")", "")
	if err != nil {
		return 0, false
	}
	text, _, _ := strings.Cut(v.Value, " ")
	addr, err := strconv.ParseUint(text, 10, 64)
	return addr, err == nil
}

// undeclared reports whether the statement that declares a variable has not been executed, so that the name still means
// what it did before the cell.
func (d *Debugger) undeclared(s *stop, f frame, name string) bool {
	i := slices.IndexFunc(s.all, func(g frame) bool { return g.body() && g.inCell() && (f.Gen == 0 || g.Gen == f.Gen) })
	if i < 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	g, _ := d.generation(s.all[i].Gen)
	line, ok := g.Declares[name]
	return ok && s.all[i].Line <= line
}

// inspectVariables tells the session's variables without stopping anything.
func (d *Debugger) inspectVariables(ctx context.Context, _ json.RawMessage) (any, error) {
	d.mu.Lock()
	s := d.stop
	d.mu.Unlock()
	if s != nil {
		_, _, f, err := d.at(0)
		if err != nil {
			return nil, err
		}
		list, err := d.sessionVariables(ctx, f)
		return map[string]any{"variables": list}, err
	}
	d.mu.Lock()
	for id, r := range d.refs {
		if r.part != nil {
			delete(d.refs, id)
		}
	}
	d.mu.Unlock()
	list, err := d.parts(ctx, pipe.Unfold{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"variables": list}, nil
}

// parts asks the worker, which runs, for variables or their parts.
func (d *Debugger) parts(ctx context.Context, u pipe.Unfold) ([]variable, error) {
	w, err := d.conf.Worker(ctx)
	if err != nil {
		return nil, err
	}
	told, err := w.Unfold(ctx, u)
	if err != nil {
		return nil, err
	}
	list := []variable{}
	for _, p := range told {
		v := variable{Name: p.Name, Type: p.Type, Value: p.Value}
		of := pipe.Unfold{Name: u.Name, Path: append(slices.Clone(u.Path), p.Index)}
		if u.Name == "" {
			of = pipe.Unfold{Name: p.Name}
			v.EvaluateName = p.Name
		}
		if p.Parts {
			v.VariablesReference = d.refer(ref{part: &of})
		}
		list = append(list, d.fit(v))
	}
	if u.Name == "" {
		d.mu.Lock()
		d.variables = told
		d.mu.Unlock()
	}
	return list, nil
}

// richInspectVariables tells what a variable shows as the last expression of a cell; where the worker is stopped, and can't
// show anything, its value in full.
func (d *Debugger) richInspectVariables(ctx context.Context, args json.RawMessage) (any, error) {
	a, err := decode[struct {
		VariableName string
		FrameID      int
	}](args)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	stopped := d.stop != nil
	d.mu.Unlock()
	if !stopped {
		w, err := d.conf.Worker(ctx)
		if err != nil {
			return nil, err
		}
		data, err := w.Preview(ctx, a.VariableName)
		if err != nil {
			return nil, err
		}
		return map[string]any{"data": data, "metadata": map[string]any{}}, nil
	}
	v, err := d.value(ctx, a.FrameID, a.VariableName, "clipboard")
	if err != nil {
		return nil, err
	}
	return map[string]any{"data": map[string]any{"text/plain": v.Value}, "metadata": map[string]any{}}, nil
}
