package build

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// edit is one change to a source file of Go. The old text must be there exactly once.
type edit struct {
	file, old, new string
	// optional edits save time only: where the old text is not found they are left out.
	optional bool
}

// edited returns the text of files below dir as the edits leave them, by path.
func edited(dir string, edits []edit) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(dir, e.file)
		text, ok := files[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			if e.optional {
				continue
			}
			return nil, fmt.Errorf("this Go version differs from what GoLab knows (%s)", e.file)
		}
		files[path] = strings.Replace(text, e.old, e.new, 1)
	}
	return files, nil
}

// writeOverlay writes changed or added source files to the folder dir and returns the file to give to go's -overlay.
func writeOverlay(dir string, files map[string]string) (string, error) {
	replace := map[string]string{}
	for path, text := range files {
		to := filepath.Join(dir, strconv.Itoa(len(replace))+filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, overlay, 0o600)
}
