// Package kernelspec registers GoLab's kernel with Jupyter: a folder that names the program to start and holds the logo.
package kernelspec

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golab/install/internal/hint"
)

// Name is the folder's name and so the name by which notebooks ask for the kernel.
const Name = "golab"

// DisplayName is what JupyterLab shows.
const DisplayName = "Go (GoLab)"

//go:embed logo/logo-svg.svg logo/logo-64x64.png logo/logo-32x32.png
var logos embed.FS

// Spec is the kernel.json of Jupyter's kernel specification.
type Spec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode"`
	Env           map[string]string `json:"env,omitempty"`
	Metadata      map[string]any    `json:"metadata"`
}

// For is the specification that starts the kernel binary. It carries GOLAB_HOME and GOLAB_CACHE where they are set now, so that the
// kernel finds what was installed whatever environment Jupyter runs in.
func For(binary string) Spec {
	s := Spec{
		Argv:          []string{binary, "serve", "{connection_file}"},
		DisplayName:   DisplayName,
		Language:      "go",
		InterruptMode: "message",
		Metadata:      map[string]any{"debugger": true},
	}
	for _, name := range []string{"GOLAB_HOME", "GOLAB_CACHE"} {
		if v := os.Getenv(name); v != "" {
			if s.Env == nil {
				s.Env = map[string]string{}
			}
			s.Env[name] = v
		}
	}
	return s
}

// UserDataDir is the user's Jupyter data folder: $JUPYTER_DATA_DIR, else where Jupyter looks on this platform.
func UserDataDir() (string, error) {
	if d := os.Getenv("JUPYTER_DATA_DIR"); d != "" {
		return d, nil
	}
	h, err := os.UserHomeDir()
	if err != nil {
		return "", hint.Wrap(err, "set JUPYTER_DATA_DIR to the folder where your Jupyter looks for kernels")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(h, "Library", "Jupyter"), nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "jupyter"), nil
	}
	return filepath.Join(h, ".local", "share", "jupyter"), nil
}

// Dir is the kernelspec's folder below a Jupyter data folder.
func Dir(dataDir string) string { return filepath.Join(dataDir, "kernels", Name) }

// Write registers s in a Jupyter data folder. Files that are right already are left alone, the others are replaced whole;
// changed reports whether there was one.
func Write(dataDir string, s Spec) (changed bool, err error) {
	dir := Dir(dataDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, hint.Wrap(err, "set JUPYTER_DATA_DIR to a folder that you may write to and that your Jupyter reads")
	}
	entries, err := logos.ReadDir("logo")
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		b, err := logos.ReadFile("logo/" + e.Name())
		if err != nil {
			return false, err
		}
		c, err := replace(filepath.Join(dir, e.Name()), b)
		if err != nil {
			return false, err
		}
		changed = changed || c
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return false, err
	}
	c, err := replace(filepath.Join(dir, "kernel.json"), buf.Bytes())
	return changed || c, err
}

// Read returns the specification registered in a Jupyter data folder; the error is [fs.ErrNotExist] where there is none.
func Read(dataDir string) (Spec, error) {
	var s Spec
	name := filepath.Join(Dir(dataDir), "kernel.json")
	b, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// replace makes the file at name hold b, in one step.
func replace(name string, b []byte) (changed bool, err error) {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, b) {
		return false, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(tmp.Name(), name)
}
