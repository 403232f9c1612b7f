package session

import (
	"maps"
	"os"
	"path/filepath"

	"golab/kernel/internal/build"
	"golab/kernel/internal/cell"
)

// folder is where the notebook lies, which //go:embed lines are relative to.
func (s *Session) folder() (string, error) { return filepath.Abs(s.opts.Dir) }

// embedded finds the files that variables hold, by pattern, as they are now. Its error is of type cell.Errors if the user
// can mend it.
func (s *Session) embedded(embeds []*cell.Embedding) (dir string, files map[string][]string, err error) {
	if dir, err = s.folder(); err != nil {
		return "", nil, err
	}
	files = map[string][]string{}
	var errs cell.Errors
	for _, m := range embeds {
		found, err := build.Embedded(dir, m.Patterns)
		n := 0
		for _, f := range found {
			n += len(f)
		}
		switch {
		case err != nil:
			errs = append(errs, m.Error(err.Error()))
		case m.One && n != 1:
			errs = append(errs, m.Error("invalid go:embed: multiple files for a string or []byte; an embed.FS holds several"))
		}
		maps.Copy(files, found)
	}
	if len(errs) > 0 {
		return "", nil, errs
	}
	return dir, files, nil
}

// copyEmbedded puts the files that variables hold below a folder where the go command finds them.
func (s *Session) copyEmbedded(embeds []*cell.Embedding, to string) error {
	dir, patterns, err := s.embedded(embeds)
	if err != nil {
		return err
	}
	for _, files := range patterns {
		for _, f := range files {
			at := filepath.Join(to, f)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				return err
			}
			if err := build.CopyFile(filepath.Join(dir, f), at); err != nil {
				return err
			}
		}
	}
	return nil
}
