// Package uninstall takes away what the rest of install made.
package uninstall

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golab/install/internal/disk"
	"golab/install/internal/kernelspec"
	"golab/install/internal/setup"
	"golab/kernel/home"
)

// Run removes GoLab's files, or, unless really is set, says what it would remove. Of the two folders of GoLab's, which the user may
// have put anywhere, only what GoLab makes is removed, and the folders themselves if that leaves them empty.
func Run(w io.Writer, really bool) error {
	var errs []error
	found := false
	for _, path := range paths() {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		found = true
		size := disk.Size(disk.Usage(path))
		if !really {
			fmt.Fprintf(w, "would remove %s (%s)\n", path, size)
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(w, "removed %s (%s)\n", path, size)
	}
	switch {
	case !found:
		fmt.Fprintln(w, "Nothing of GoLab is installed.")
	case !really:
		fmt.Fprintln(w, "\nRun it with --yes to do that.")
	default:
		for _, dir := range []string{home.Dir(), home.Cache()} {
			_ = os.Remove(dir) // fails, as it should, if something else is in it
		}
	}
	return errors.Join(errs...)
}

// paths are the files and folders that GoLab makes.
func paths() []string {
	var all []string
	if dir := home.Dir(); dir != "" {
		for _, name := range []string{"bin", "venv", "echarts", "pjrt", ".stage"} {
			all = append(all, filepath.Join(dir, name))
		}
	}
	if os.Getenv("GOLAB_CACHE") == "" {
		all = append(all, home.Cache()) // its name is GoLab's own
	} else if entries, err := os.ReadDir(home.Cache()); err == nil {
		for _, e := range entries {
			all = append(all, filepath.Join(home.Cache(), e.Name()))
		}
	}
	if dataDir, err := kernelspec.UserDataDir(); err == nil && ours(dataDir) {
		all = append(all, kernelspec.Dir(dataDir))
	}
	return all
}

// ours reports whether the kernel registered in a Jupyter data folder is the one of this GoLab.
func ours(dataDir string) bool {
	s, err := kernelspec.Read(dataDir)
	return err == nil && !errors.Is(err, fs.ErrNotExist) && len(s.Argv) > 0 && s.Argv[0] == setup.Binary()
}
