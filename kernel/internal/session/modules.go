package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/modules"
)

// sessionModules is what the session has beyond GoLab's own modules. It is of the goroutine of Execute.
type sessionModules struct {
	folder   *modules.Folder // nil: there are none
	restored bool            // a saved file has been looked for
}

// loaded is the packages that a worker has loaded beyond the base, by the paths under which they are compiled.
type loaded map[string]loadedPart

type loadedPart struct {
	build.Part
	cell string // that loaded it
}

func (l *loaded) add(parts []build.Part, cell string) {
	if *l == nil {
		*l = loaded{}
	}
	for _, p := range parts {
		if (*l)[p.Path].cell == "" {
			(*l)[p.Path] = loadedPart{p, cell}
		}
	}
}

// clash is a package that is loaded in another version than p; ok is false if there is none.
func (l loaded) clash(p build.Part) (old loadedPart, ok bool) {
	if old, ok := l[p.Path]; ok {
		return old, old.Archive != p.Archive
	}
	for _, old := range l {
		if p.Version != "" && old.Module == p.Module && old.Version != p.Version {
			return old, true
		}
	}
	return old, false
}

func (s *Session) packages() *build.Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.space
}

func (s *Session) setSpace(space *build.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space = space
}

// moduleFolder is the session's go.mod, which is made when it is first needed.
func (s *Session) moduleFolder(ctx context.Context) (*modules.Folder, error) {
	if s.mods.folder == nil {
		f, err := modules.New(ctx, filepath.Join(s.dir, "mod"), s.base.Root, s.base.Go(), s.base.Env())
		if err != nil {
			return nil, err
		}
		s.mods.folder = f
	}
	return s.mods.folder, nil
}

// runningWorker is the worker, if it runs.
func (s *Session) runningWorker() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.worker != nil && s.worker.alive() {
		return s.worker
	}
	return nil
}

const replayHint = "`%replay all` restarts the worker with it and runs the session's cells again; `%replay` lists them to choose from"

// changeModules has f change the session's modules, and makes what it changed importable. What the running worker can't
// take is explained. If anything fails the modules are as before.
func (s *Session) changeModules(ctx context.Context, out engine.Sink, f func(*modules.Folder) error) error {
	folder, err := s.moduleFolder(ctx)
	if err != nil {
		return err
	}
	restore, err := folder.Backup()
	if err != nil {
		return err
	}
	if err := f(folder); err != nil {
		return err
	}
	if err := s.adopt(ctx, out); err != nil {
		restore()
		return err
	}
	return nil
}

// adopt makes the packages of the session's modules importable.
func (s *Session) adopt(ctx context.Context, out engine.Sink) error {
	p, err := s.mods.folder.Packages(ctx)
	if err != nil {
		return err
	}
	raised := s.base.Raised(p)
	w := s.runningWorker()
	if len(raised) > 0 && (w == nil || !w.used) { // nothing is lost by another worker
		return s.replaceWorker(ctx, out, p)
	}
	var wait error
	if len(raised) > 0 {
		var list []string
		for _, c := range raised {
			list = append(list, fmt.Sprintf("%s %s (the running worker has %s)", c.Module, c.New, c.Old))
		}
		wait = fmt.Errorf("the session's modules need %s; %s", strings.Join(list, ", "), replayHint)
		out.Stream("stderr", "golab: "+wait.Error()+"\n")
	}
	s.setSpace(s.packages().With(p, wait))
	if wait != nil || w == nil {
		return nil
	}
	told := map[string]bool{}
	for _, old := range w.loaded {
		if v := p.Versions[old.Module]; v != "" && p.Local[old.Module] == "" && old.Version != "" && v != old.Version && !told[old.Module] {
			told[old.Module] = true
			out.Stream("stderr", fmt.Sprintf("golab: %s %s was loaded by %s and can't be exchanged for %s while the worker runs\nhint: %s\n", old.Module, old.Version, old.cell, v, replayHint))
		}
	}
	return nil
}

// replaceWorker starts a worker on a base that fits the modules p, which takes about a minute if there is none yet. The
// one that runs, if any, and all values end; if it fails they don't.
func (s *Session) replaceWorker(ctx context.Context, out engine.Sink, p modules.Packages) error {
	base := s.base
	if raised := base.Raised(p); len(raised) > 0 {
		var list []string
		for _, c := range raised {
			list = append(list, c.String())
		}
		out.Stream("stderr", "golab: preparing a base with "+strings.Join(list, ", ")+"\n")
		var err error
		base, err = base.Variant(ctx, p, func(line string) { out.Stream("stderr", "golab: "+line+"\n") })
		if err != nil {
			return fmt.Errorf("GoLab does not work with %s: %w", strings.Join(list, ", "), err)
		}
		if missing := base.Missing(); len(missing) > 0 {
			out.Stream("stderr", "golab: these don't compile with that and can't be imported: "+strings.Join(missing, ", ")+"\n")
		}
	}
	space := base.Space()
	if p.Dir != "" {
		space = space.With(p, nil)
	}
	s.mu.Lock()
	w := s.worker
	s.base, s.worker, s.space = base, nil, space
	s.mu.Unlock()
	if w != nil {
		w.kill("it is replaced")
		<-w.gone
	}
	_, err := s.ensureWorker()
	return err
}

// restoreModules takes the modules that were saved with the notebook, once.
func (s *Session) restoreModules(ctx context.Context, out engine.Sink) {
	if s.mods.restored {
		return
	}
	s.mods.restored = true
	if s.opts.Notebook == "" {
		return
	}
	file := modules.Beside(s.opts.Notebook)
	if _, err := os.Stat(file); err != nil {
		return
	}
	err := s.changeModules(ctx, out, func(f *modules.Folder) error {
		_, err := f.Load(ctx, file)
		return err
	})
	if err != nil {
		out.Stream("stderr", fmt.Sprintf("golab: the modules in %s can't be restored: %v\nhint: `%%mod load` tries again\n", filepath.Base(file), err))
		return
	}
	out.Stream("stderr", fmt.Sprintf("golab: modules restored from %s: %s\n", filepath.Base(file), s.moduleList(ctx)))
}

// moduleList is the session's modules on one line.
func (s *Session) moduleList(ctx context.Context) string {
	reqs, err := s.mods.folder.Requirements(ctx)
	if err != nil || len(reqs) == 0 {
		return "none"
	}
	var list []string
	for _, r := range reqs {
		switch {
		case r.Dir != "":
			list = append(list, r.Module+" from "+r.Dir)
		case !r.Indirect:
			list = append(list, r.Module+" "+r.Version)
		}
	}
	return strings.Join(list, ", ")
}

// renewModules looks whether local modules have been edited. New code that does not compile is not taken.
func (s *Session) renewModules(ctx context.Context, out engine.Sink) {
	if s.mods.folder == nil {
		return
	}
	tell := func(format string, args ...any) { out.Stream("stderr", "golab: "+fmt.Sprintf(format, args...)+"\n") }
	r, err := s.mods.folder.Renew(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		tell("a local module was edited, but can't be used: %v\nits code from before stays in use", err)
		return
	}
	if r == nil {
		return
	}
	names, were := strings.Join(r.Edited, ", "), "was"
	if len(r.Edited) > 1 {
		were = "were"
	}
	fail := func(err error) {
		r.Undo(ctx.Err() != nil)
		if ctx.Err() != nil {
			return
		}
		tell("%s: %v\nthe code from before the edit stays in use", names, err)
	}
	p, err := s.mods.folder.Packages(ctx)
	if err != nil {
		fail(err)
		return
	}
	old := s.packages()
	next := old.With(p, nil)
	defer next.Until(ctx)()
	if err := next.Recompile(old, r.Modules); err != nil {
		fail(err)
		return
	}
	s.setSpace(next) // with what it has compiled
	if err := s.adopt(ctx, out); err != nil {
		s.setSpace(old)
		fail(err)
		return
	}
	tell("%s %s edited; cells use the new code from here on", names, were)
}

// parts lists what the cell loads beyond the base, and refuses it if the worker holds another version of that.
func (s *Session) parts(prog *cell.Program) ([]build.Part, *engine.Error) {
	parts, err := s.packages().Parts(prog.Imports)
	if err != nil {
		return nil, internal(err)
	}
	w := s.runningWorker()
	if w == nil {
		return parts, nil
	}
	msg := ""
	for _, p := range parts {
		old, ok := w.loaded.clash(p)
		if !ok {
			continue
		}
		if old.Version != p.Version {
			msg = fmt.Sprintf("%s %s was loaded by %s, and the running worker can't exchange it for %s, which this cell needs", old.Module, old.Version, old.cell, p.Version)
			break // this is the reason of the others
		}
		msg = fmt.Sprintf("package %s, loaded by %s, was compiled with other versions of what it imports than this cell needs", cell.PlainPath(p.Path), old.cell)
	}
	if msg != "" {
		return nil, &engine.Error{Name: "module conflict", Value: msg, Traceback: []string{red("module conflict: ") + msg, "hint: " + replayHint}}
	}
	return parts, nil
}

// getModules is %get.
func getModules(ctx context.Context, s *Session, c *call) *engine.Error {
	args := strings.Fields(c.Args)
	if len(args) == 0 {
		return c.failf("which module? For example `%%get example.org/name` or `%%get example.org/name@v1.2.3`")
	}
	return c.ended(ctx, s.get(ctx, c.r.out, "stdout", args))
}

// get gets modules for the session and says on a stream what that changed.
func (s *Session) get(ctx context.Context, out engine.Sink, stream string, args []string) error {
	return s.changeModules(ctx, out, func(f *modules.Folder) error {
		changes, err := f.Get(ctx, args)
		if err != nil {
			return err
		}
		for _, ch := range changes {
			out.Stream(stream, ch.String()+"\n")
		}
		if len(changes) == 0 {
			out.Stream(stream, "nothing to change: it is there already\n")
		}
		return nil
	})
}

// ended makes the error of a command, if it failed.
func (c *call) ended(ctx context.Context, err error) *engine.Error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return interruptedWhile("%" + c.Name + " was running")
	}
	return c.failf("%v", err)
}

// path is a file or folder that the user names, as seen from where cells run.
func (s *Session) path(name string) string {
	name = strings.Trim(name, "\"`")
	if name == "~" || strings.HasPrefix(name, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			name = home + name[1:]
		}
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.folderNow(), name)
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// useModule is %use.
func useModule(ctx context.Context, s *Session, c *call) *engine.Error {
	if c.Args == "" {
		return c.failf("which folder? For example `%%use ./name`")
	}
	return s.use(ctx, c, s.path(c.Args), "%s from %s\n")
}

// mod is %mod.
func mod(ctx context.Context, s *Session, c *call) *engine.Error {
	verb, file, _ := strings.Cut(c.Args, " ")
	file = strings.TrimSpace(file)
	switch {
	case verb == "":
		return listModules(ctx, s, c)
	case verb != "save" && verb != "load":
		return c.failf("%q is neither `save` nor `load`", verb)
	case file != "":
		file = s.path(file)
	case s.opts.Notebook == "":
		return c.failf("the notebook's name is not known here; name the file: `%%mod %s FILE`", verb)
	default:
		file = modules.Beside(s.opts.Notebook)
	}
	if verb == "load" {
		err := s.changeModules(ctx, c.r.out, func(f *modules.Folder) error {
			changes, err := f.Load(ctx, file)
			for _, ch := range changes {
				c.r.out.Stream("stdout", ch.String()+"\n")
			}
			return err
		})
		if err != nil {
			return c.ended(ctx, err)
		}
		return listModules(ctx, s, c)
	}
	if s.mods.folder == nil {
		return c.failf("there is nothing to save: the session has no modules beyond GoLab's own")
	}
	if err := s.mods.folder.Save(ctx, file); err != nil {
		return c.ended(ctx, err)
	}
	c.r.out.Stream("stdout", "saved in "+file+"\n")
	return nil
}

// listModules is %mod without arguments.
func listModules(ctx context.Context, s *Session, c *call) *engine.Error {
	var reqs []modules.Requirement
	if s.mods.folder != nil {
		var err error
		if reqs, err = s.mods.folder.Requirements(ctx); err != nil {
			return c.ended(ctx, err)
		}
	}
	if len(reqs) == 0 {
		c.r.out.Stream("stdout", "no modules beyond GoLab's own; `%get MODULE` and `%use DIR` add some\n")
	}
	for _, r := range reqs {
		line := r.Module + " " + r.Version
		switch {
		case r.Dir != "":
			line = r.Module + " from " + r.Dir
		case r.Own != "":
			line += " (GoLab's own requirement is " + r.Own + ")"
		case r.Indirect:
			line += " (needed by others)"
		}
		c.r.out.Stream("stdout", line+"\n")
	}
	return nil
}
