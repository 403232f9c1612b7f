package session

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golab/kernel/internal/engine"
)

// maxPaths is how many files of a folder are listed.
const maxPaths = 1000

// workDir is the folder in which cells run now. Where the system tells it, the worker need not be asked: it may be stopped.
func (s *Session) workDir() string {
	if w := s.runningWorker(); w != nil {
		if dir, err := os.Readlink("/proc/" + strconv.Itoa(w.cmd.Process.Pid) + "/cwd"); err == nil {
			return dir
		}
	}
	return s.folderNow()
}

// paths lists the files whose paths begin with prefix: what could follow the last slash of that. Folders end in a slash,
// hidden files are listed if their dot was typed.
func (s *Session) paths(prefix string) (names []string, typed string) {
	dir, base := path.Split(prefix)
	folder := dir
	if !filepath.IsAbs(dir) {
		folder = filepath.Join(cmp.Or(s.workDir(), "."), dir)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, base
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || strings.HasPrefix(name, ".") && base == "" {
			continue
		}
		if len(names) == maxPaths {
			break
		}
		if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return names, base
}

// completeString lists the files that a string literal may go on to name. text is its beginning up to the cursor.
func (s *Session) completeString(text string, quote byte, cursor int) engine.Completions {
	c := engine.Completions{Start: cursor, End: cursor}
	prefix, escape := text, func(name string) string { return name }
	if quote == '"' {
		var err error
		if prefix, err = strconv.Unquote(`"` + text + `"`); err != nil {
			return c
		}
		escape = func(name string) string { q := strconv.Quote(name); return q[1 : len(q)-1] }
	}
	if strings.ContainsAny(prefix, "\n\x00") {
		return c
	}
	names, base := s.paths(prefix)
	c.Start -= len(escape(base))
	if !strings.HasSuffix(text, escape(base)) { // it was written with other escapes
		return engine.Completions{Start: cursor, End: cursor}
	}
	for _, n := range names {
		if quote == '`' && strings.Contains(n, "`") {
			continue
		}
		c.Matches, c.Types = append(c.Matches, escape(n)), append(c.Types, "path")
	}
	return c
}

// completeWord lists the files, or only the folders, that the last word of a command's arguments may go on to name.
func (s *Session) completeWord(word string, cursor int, folders bool) engine.Completions {
	names, base := s.paths(word)
	c := engine.Completions{Start: cursor - len(base), End: cursor}
	for _, n := range names {
		if folders && !strings.HasSuffix(n, "/") {
			continue
		}
		if !strings.ContainsAny(n, " \t\"'\\") { // commands don't agree on how such are written
			c.Matches, c.Types = append(c.Matches, n), append(c.Types, "path")
		}
	}
	return c
}
