package session

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
	"golab/kernel/internal/engine"
	"golab/kernel/internal/gopls"
)

const (
	// languageWithin is how long a completion waits for gopls: people notice more. What the session knows itself is there in a
	// few milliseconds; gopls's answer counts if it comes in time, and is mostly there next time if it doesn't.
	languageWithin = 200 * time.Millisecond
	// compileWithin is how long it waits after that for packages that are read or compiled.
	compileWithin = 800 * time.Millisecond
)

// Complete is part of engine.Engine. It knows nothing before the base is there. A later call ends the waiting of an earlier
// one.
func (s *Session) Complete(code string, cursor int) engine.Completions {
	cursor = min(max(cursor, 0), len(code))
	ctx, cancel := context.WithTimeout(context.Background(), s.language.within)
	defer cancel()
	s.mu.Lock()
	if s.completing != nil {
		s.completing()
	}
	s.completing = cancel
	s.mu.Unlock()

	at := placeIn(code, cursor)
	switch {
	case at.text:
		return engine.Completions{Start: cursor, End: cursor}
	case at.command != "":
		return s.completeCommand(at.command, cursor)
	}
	text := at.code
	if prefix, quote := cell.Quoted(text, cursor); quote != 0 {
		return s.completeString(prefix, quote, cursor)
	}
	c := engine.Completions{Start: cursor, End: cursor}
	result := make(chan engine.Completions, 1)
	go func() {
		defer close(result)
		s.look(func(state *cell.State, space *build.Space) { result <- s.completeGo(ctx, text, cursor, state, space) })
	}()
	select {
	case found, ok := <-result:
		if ok {
			return found
		}
	case <-time.After(s.language.within + compileWithin):
	}
	return c
}

// completeGo completes Go code with what the session and gopls know.
func (s *Session) completeGo(ctx context.Context, text string, cursor int, state *cell.State, space *build.Space) engine.Completions {
	pkgs := space.Prompt()
	answer := make(chan []gopls.Item, 1)
	if sketch := state.Sketch(text, cursor, pkgs); sketch == nil {
		close(answer)
	} else {
		go func() {
			defer close(answer)
			defer s.rescue()
			if items, err := s.language.complete(ctx, sketch, state, space); err == nil {
				answer <- items
			}
		}()
	}
	own, start := state.Suggest(text, cursor, pkgs)
	prefix := text[start:cursor]
	if cell.InImport(text, cursor) {
		own = append(own, modulePackages(space, prefix)...)
	}
	var more []gopls.Item
	select {
	case more = <-answer:
	case <-ctx.Done():
	}
	if len(own) == 0 && more == nil { // it may be of a package that has to be compiled first
		own, start = state.Suggest(text, cursor, space)
	}
	c := engine.Completions{Start: start, End: cursor}
	for _, m := range merge(own, more, prefix) {
		c.Matches, c.Types = append(c.Matches, m.Name), append(c.Types, m.Kind)
	}
	return c
}

// merge puts gopls's items, which are ordered by how well they fit, before what only the session knows. Those that go on from
// prefix exactly come before those that do but for upper and lower case.
func merge(own []cell.Match, more []gopls.Item, prefix string) []cell.Match {
	kinds := map[string]string{}
	for _, m := range own {
		kinds[m.Name] = m.Kind
	}
	var exact, folded []cell.Match
	seen := map[string]bool{}
	add := func(m cell.Match) {
		switch {
		case seen[m.Name]:
			return
		case strings.HasPrefix(m.Name, prefix):
			exact = append(exact, m)
		case len(m.Name) >= len(prefix) && strings.EqualFold(m.Name[:len(prefix)], prefix):
			folded = append(folded, m)
		default:
			return
		}
		seen[m.Name] = true
	}
	var later []cell.Match
	for _, i := range more {
		root, _, dotted := strings.Cut(i.Text, ".")
		switch m := (cell.Match{Name: i.Text, Kind: cmp.Or(kinds[i.Text], i.Kind)}); {
		case i.Kind == "module" || strings.Contains(i.Text, "ʼ") || strings.Count(i.Text, ".") > 1:
			// The session knows better which packages there are.
		case dotted && prefix != "" && kinds[root] == "module":
			later = append(later, m) // who types the name of a package will go on behind its dot
		default:
			add(m)
		}
	}
	for _, m := range append(own, later...) {
		add(m)
	}
	return append(exact, folded...)
}

// rescue keeps a bug of ours, which panics on a cell half typed, from ending the session.
func (s *Session) rescue() {
	if r := recover(); r != nil {
		s.opts.Log("completion or inspection failed, which is a bug: %v", r)
	}
}

// modulePackages lists the packages, and folders with some, of modules that cells may import from though nothing of them
// is compiled yet: those whose paths begin with prefix, as far as the next slash.
func modulePackages(space *build.Space, prefix string) []cell.Match {
	var found []cell.Match
	for mod, folder := range space.ModuleFolders() {
		if strings.HasPrefix(mod, prefix) {
			if hasGo(folder) {
				found = append(found, cell.Match{Name: mod, Kind: "module"})
			}
			continue
		}
		if !strings.HasPrefix(prefix, mod+"/") {
			continue
		}
		dir, base := path.Split(prefix)
		entries, err := os.ReadDir(filepath.Join(folder, filepath.FromSlash(strings.TrimPrefix(dir, mod+"/"))))
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if !e.IsDir() || !strings.HasPrefix(name, base) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "internal" || name == "testdata" {
				continue
			}
			if hasGo(filepath.Join(folder, strings.TrimPrefix(dir, mod+"/"), name)) {
				found = append(found, cell.Match{Name: dir + name, Kind: "module"})
			} else {
				found = append(found, cell.Match{Name: dir + name + "/", Kind: "module"})
			}
		}
	}
	slices.SortFunc(found, func(a, b cell.Match) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// hasGo reports whether a folder holds a package that can be imported, as far as the names of its files tell.
func hasGo(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
	return slices.ContainsFunc(files, func(f string) bool { return !strings.HasSuffix(f, "_test.go") })
}
