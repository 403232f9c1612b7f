package build

import (
	"cmp"
	"go/build"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"golab/kernel/internal/cell"
)

// Prompt is the packages of s for those who can't wait: what would have to be compiled first has no members.
func (s *Space) Prompt() cell.Packages { return prompt{s} }

type prompt struct{ *Space }

// Import is the types of package path, as far as they can be read at once.
func (p prompt) Import(path string) (*types.Package, error) {
	compiled := p.compiled(path)
	if p.compiledAlready(compiled) {
		return p.Space.Import(path)
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	return types.NewPackage(compiled, cmp.Or(p.m.Names[path], likelyName(path))), nil
}

var majorVersion = regexp.MustCompile(`[/.]v[0-9]+$`)

// likelyName is the name that the package path has by custom.
func likelyName(path string) string {
	path = majorVersion.ReplaceAllString(path, "")
	return strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:], "go-")
}

func (s *Space) compiledAlready(path string) bool {
	if path == "unsafe" {
		return true
	}
	s.mu.Lock()
	found := s.packages[path] != nil
	s.mu.Unlock()
	if found {
		return true
	}
	s.base.mu.Lock()
	defer s.base.mu.Unlock()
	p := s.base.packages[path]
	return p != nil && (p.Base || s.m.Dir == "")
}

// ModuleFolders is the folders of the modules that cells may import from, by module path, apart from local ones.
func (s *Space) ModuleFolders() map[string]string {
	versions := s.m.Versions
	if versions == nil {
		versions = s.base.modules()
	}
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		cache = filepath.Join(filepath.SplitList(build.Default.GOPATH + string(filepath.ListSeparator))[0], "pkg", "mod")
	}
	dirs := map[string]string{}
	for path, v := range versions {
		dirs[path] = filepath.Join(cache, filepath.FromSlash(escaped(path))+"@"+escaped(v))
	}
	return dirs
}

// escaped is a module path or version as the module cache writes it, where capitals are not told from small letters.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteByte('!')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Base is where the packages are that all sessions share.
func (s *Space) Base() *Base { return s.base }
