package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/modules"
)

// autoGet gets the modules of packages that the cell imports and that are nowhere to be found, as GoNB does.
func (s *Session) autoGet(ctx context.Context, r *run) *engine.Error {
	s.settings.mu.Lock()
	off := s.settings.noAutoGet
	s.settings.mu.Unlock()
	if off {
		return nil
	}
	var missing []string
	paths := cell.ImportPaths(r.src)
	if len(paths) == 0 {
		return nil
	}
	defer s.packages().Until(ctx)()
	for _, path := range paths {
		first, _, _ := strings.Cut(path, "/")
		if !strings.Contains(first, ".") || slices.Contains(missing, path) {
			continue
		}
		if s.packages().Lacks(path) && ctx.Err() == nil {
			missing = append(missing, path)
		}
	}
	if len(missing) == 0 || ctx.Err() != nil {
		return nil
	}
	list := strings.Join(missing, ", ")
	r.out.Stream("stderr", fmt.Sprintf("golab: getting %s (`%%noautoget` keeps GoLab from that)\n", list))
	var err error
	for _, path := range missing {
		if err = s.getFitting(ctx, r.out, path); err != nil {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return interruptedWhile("modules were being fetched")
	}
	msg := fmt.Sprintf("%s can't be fetched: %v", list, err)
	first, _, _ := strings.Cut(msg, "\n")
	return &engine.Error{Name: "missing module", Value: first, Traceback: append(strings.Split(red("missing module: ")+msg, "\n"),
		"hint: `%get PATH@VERSION` gets one version, `%use DIR` takes a module from a folder")}
}

// maxOlder is how many older versions of a module are tried for one that fits the running worker.
const maxOlder = 10

// getFitting gets the module of a package: its newest version, or, if that needs newer modules than the running worker has, the
// newest that does not. If there is none it is the newest, which waits for a replay.
func (s *Session) getFitting(ctx context.Context, out engine.Sink, path string) error {
	tell := func(changes []modules.Change) {
		for _, ch := range changes {
			out.Stream("stderr", ch.String()+"\n")
		}
	}
	return s.changeModules(ctx, out, func(f *modules.Folder) error {
		restore, err := f.Backup()
		if err != nil {
			return err
		}
		newest, err := f.Get(ctx, []string{path})
		if err != nil {
			return err
		}
		raised := s.raised(ctx, f)
		if len(raised) == 0 {
			tell(newest)
			return nil
		}
		module, older := f.Older(ctx, path)
		for _, v := range older[:min(len(older), maxOlder)] {
			restore()
			changes, err := f.Get(ctx, []string{module + "@" + v})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && f.Has(path) && len(s.raised(ctx, f)) == 0 {
				tell(changes)
				out.Stream("stderr", fmt.Sprintf("golab: newer versions need %s; `%%get %s` takes the newest\n", strings.Join(raised, ", "), module))
				return nil
			}
		}
		restore()
		if newest, err = f.Get(ctx, []string{path}); err == nil {
			tell(newest)
		}
		return err
	})
}

// raised lists modules that the session would have in newer versions than its base.
func (s *Session) raised(ctx context.Context, f *modules.Folder) []string {
	p, err := f.Packages(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for _, c := range s.base.Raised(p) {
		list = append(list, c.Module+" "+c.New)
	}
	return list
}
