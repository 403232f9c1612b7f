package fetch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golab/install/internal/command"
	"golab/install/internal/hint"
	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

// Python makes a Python environment in GoLab's cache with the packages of a requirements file, all of them pinned by hash, and
// returns its interpreter. One that is there already is left as it is while the file stays the same. Tests and benchmarks compare
// with what is in it; nothing that a notebook does needs it.
func Python(ctx context.Context, name, requirements string) (string, error) {
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(home.Cache(), "python", name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", cannotWrite(err)
	}
	release, err := filelock.Acquire(ctx, dir+".lock", func() { notify(ctx, "waiting for another process that makes the Python environment %s", name) })
	if err != nil {
		return "", err
	}
	defer release()
	python, stamp := filepath.Join(dir, "bin", "python"), filepath.Join(dir, ".golab")
	if had, err := os.ReadFile(stamp); err == nil && bytes.Equal(had, want) && exec.CommandContext(ctx, python, "-c", "").Run() == nil {
		return python, nil
	}
	base, err := lookPath("python3")
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("python3 is not installed"), "install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv)")
	}
	notify(ctx, "making the Python environment %s", name)
	clean := []string{"PYTHONHOME=", "PYTHONPATH="}
	if err := command.Run(ctx, "", clean, nil, base, "-m", "venv", "--clear", dir); err != nil {
		return "", hint.Wrap(err, "python3 needs its venv module (Debian: apt-get install python3-venv)")
	}
	args := []string{python, "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input",
		"--disable-pip-version-check", "--progress-bar=off", "--requirement", requirements}
	if err := runClientEnv(ctx, "", append(clean, "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0"), args, "pip"); err != nil {
		return "", err
	}
	return python, os.WriteFile(stamp, want, 0o644)
}
