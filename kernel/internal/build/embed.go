package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// EmbedConfig is the name of the file, among those of a generation, that tells the compiler what //go:embed lines in the
// others mean.
const EmbedConfig = "embedcfg"

// Embedded is the files in dir that patterns of //go:embed lines mean, by pattern: paths relative to dir, with slashes. It
// follows the rules of the go command.
func Embedded(dir string, patterns []string) (map[string][]string, error) {
	all := map[string][]string{}
	for _, p := range patterns {
		files, err := embedded(dir, p)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", p, err)
		}
		all[p] = files
	}
	return all, nil
}

func embedded(dir, pattern string) ([]string, error) {
	glob, hidden := strings.CutPrefix(pattern, "all:")
	if glob == "." || !fs.ValidPath(glob) {
		return nil, errors.New("invalid pattern syntax: it must lie in the folder of the notebook")
	}
	root := os.DirFS(dir)
	matches, err := fs.Glob(root, glob)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, m := range matches {
		info, err := os.Lstat(filepath.Join(dir, m))
		if err != nil {
			return nil, err
		}
		what := "file"
		if info.IsDir() {
			what = "directory"
		}
		for d := m; d != "."; d = filepath.ToSlash(filepath.Dir(d)) {
			if inModule(dir, d) {
				return nil, fmt.Errorf("cannot embed %s %s: in different module", what, m)
			}
			if i, err := os.Lstat(filepath.Join(dir, d)); d != m && (err != nil || !i.IsDir()) {
				return nil, fmt.Errorf("cannot embed %s %s: in non-directory %s", what, m, d)
			}
			if badName(filepath.Base(d)) {
				return nil, fmt.Errorf("cannot embed %s %s: invalid name %s", what, m, filepath.Base(d))
			}
		}
		switch {
		case info.Mode().IsRegular():
			files = append(files, m)
		case info.IsDir():
			n := len(files)
			err := fs.WalkDir(root, m, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				name := e.Name()
				switch {
				case path != m && (badName(name) || !hidden && strings.ContainsRune("._", rune(name[0]))),
					path != m && e.IsDir() && inModule(dir, path):
					if e.IsDir() {
						return fs.SkipDir
					}
				case e.Type().IsRegular():
					files = append(files, path)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			if len(files) == n {
				return nil, fmt.Errorf("cannot embed directory %s: contains no embeddable files", m)
			}
		default:
			return nil, fmt.Errorf("cannot embed irregular file %s", m)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no matching files found")
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// inModule reports whether a module begins in the folder path.
func inModule(dir, path string) bool {
	info, err := os.Stat(filepath.Join(dir, path, "go.mod"))
	return err == nil && !info.IsDir()
}

// badName reports whether the go command embeds nothing of that name.
func badName(name string) bool {
	switch name {
	case "", ".bzr", ".hg", ".git", ".svn":
		return true
	}
	return strings.HasSuffix(name, ".") && name != "." || strings.ContainsAny(name, "\"'*<>?`|\\:") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// EmbedJSON is the content of [EmbedConfig].
func EmbedJSON(dir string, patterns map[string][]string) (string, error) {
	cfg := struct {
		Patterns map[string][]string
		Files    map[string]string
	}{patterns, map[string]string{}}
	for _, files := range patterns {
		for _, f := range files {
			cfg.Files[f] = filepath.Join(dir, f)
		}
	}
	b, err := json.Marshal(cfg)
	return string(b), err
}
