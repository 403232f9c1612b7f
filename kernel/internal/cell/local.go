package cell

import (
	"fmt"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A local module (see package modules) changes while a session runs. What is loaded can't be exchanged, so each time it
// is compiled anew under another path: its own, behind "golab.local/N/". Cells, and what the session keeps of them, name
// the plain path; [Packages] imports the latest package for it, whose Path is the one that it is compiled under.
const localPrefix = "golab.local/"

// LocalPath is the path under which the nth version of a local package or module is compiled.
func LocalPath(n int, path string) string { return fmt.Sprintf("%s%d/%s", localPrefix, n, path) }

// PlainPath is the path of a package as the user knows it.
func PlainPath(path string) string {
	if rest, ok := strings.CutPrefix(path, localPrefix); ok {
		if _, plain, ok := strings.Cut(rest, "/"); ok {
			return plain
		}
	}
	return path
}

var anyLocalPath = regexp.MustCompile(`golab\.local/\d+/`)

// PlainPaths is text with its paths as the user knows them.
func PlainPaths(text string) string {
	if !strings.Contains(text, localPrefix) {
		return text
	}
	return anyLocalPath.ReplaceAllString(text, "")
}

func isLocal(o types.Object) bool {
	return o != nil && o.Pkg() != nil && strings.HasPrefix(o.Pkg().Path(), localPrefix)
}

// localPaths is the packages of local modules, each as it was compiled, whose types t is made of, directly or through
// the session's types declared, which are all those that t reaches.
func localPaths(t types.Type, declared map[*types.TypeName]*types.Named) []string {
	found := map[string]bool{}
	see := func(t types.Type) {
		each(t, func(t types.Type) {
			var o *types.TypeName
			switch t := t.(type) {
			case *types.Named:
				o = t.Obj()
			case *types.Alias:
				o = t.Obj()
			}
			if o != nil && isLocal(o) {
				found[o.Pkg().Path()] = true
			}
		})
	}
	see(t)
	for _, n := range declared {
		see(n.Underlying())
		for m := range n.Methods() {
			see(m.Type())
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// outdated reports whether v has a type of a local module that has been compiled anew since.
func (b *builder) outdated(v *Var) bool {
	return slices.ContainsFunc(v.local, func(path string) bool { return b.compiled(PlainPath(path)) != path })
}

// compiled is the path under which the package that cells import as path is compiled.
func (b *builder) compiled(path string) string {
	if p, err := b.pkgs.Import(path); err == nil {
		return p.Path()
	}
	return path
}
