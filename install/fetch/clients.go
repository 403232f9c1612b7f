package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golab/install/internal/command"
	"golab/install/internal/hint"
	"golab/kernel/home"
)

// lookPath finds a program; tests replace it to take programs away.
var lookPath = exec.LookPath

// npmPack downloads p's tarball into stage, checks it and unpacks what pick names into out. pick sees names without the tarball's "package/".
func npmPack(ctx context.Context, p npmPackage, stage, out string, pick func(string) string) error {
	npm, err := npmCommand(ctx)
	if err != nil {
		return err
	}
	spec := p.name + "@" + p.version
	notify(ctx, "npm pack %s", spec)
	args := append(npm, "pack", spec, "--pack-destination", stage, "--ignore-scripts", "--no-fund", "--no-audit")
	if err := runClient(ctx, stage, args, "npm"); err != nil {
		return err
	}
	tarball, err := oneFile(stage, "*.tgz")
	if err != nil {
		return err
	}
	if err := checkFile(tarball, p.integrity); err != nil {
		return err
	}
	return untar(tarball, out, func(name string) string {
		name, ok := strings.CutPrefix(name, "package/")
		if !ok {
			return ""
		}
		return pick(name)
	})
}

// npmCommand is how to start npm: the user's, else the one of a Node.js from the Python registry.
func npmCommand(ctx context.Context) ([]string, error) {
	if p, err := lookPath("npm"); err == nil {
		return []string{p}, nil
	}
	dir, err := nodeWheel(ctx)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("npm is not installed, and Node.js can't be had from the Python registry either: %w", err),
			"install npm (Debian: apt-get install npm)")
	}
	return []string{filepath.Join(dir, "bin", "node"), filepath.Join(dir, "lib", "node_modules", "npm", "bin", "npm-cli.js")}, nil
}

// pipDownload downloads w's wheel for this platform into stage, checks it and unpacks what pick names into out.
func pipDownload(ctx context.Context, w wheel, stage, out string, pick func(string) string) error {
	sum, ok := w.sha256[platform()]
	if !ok {
		return fmt.Errorf("no wheel of %s is published for %s: %w", w.name, platform(), errors.ErrUnsupported)
	}
	pip, err := pipCommand(ctx, stage)
	if err != nil {
		return err
	}
	spec := w.name + "==" + w.version
	req := filepath.Join(stage, "requirements.txt")
	if err := os.WriteFile(req, []byte(spec+" --hash=sha256:"+sum+"\n"), 0o644); err != nil {
		return err
	}
	notify(ctx, "pip download %s", spec)
	args := append(pip, "download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input",
		"--disable-pip-version-check", "--no-cache-dir", "--progress-bar=off", "--dest", stage, "--requirement", req)
	if err := runClient(ctx, stage, args, "pip"); err != nil {
		return err
	}
	whl, err := oneFile(stage, "*.whl")
	if err != nil {
		return err
	}
	if err := checkFile(whl, w.pin()); err != nil {
		return err
	}
	return unzip(whl, out, pick)
}

// pipCommand is how to start pip: of python3, else of GoLab's own Python environment, else of one made for the occasion in stage.
func pipCommand(ctx context.Context, stage string) ([]string, error) {
	venv := filepath.Join(home.Dir(), "venv", "bin", "python")
	python, err := lookPath("python3")
	for _, p := range []string{python, venv} {
		if p != "" && exec.CommandContext(ctx, p, "-m", "pip", "--version").Run() == nil {
			return []string{p, "-m", "pip"}, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, hint.Wrap(errors.New("python3 is not installed"), "install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv)")
	}
	dir := filepath.Join(stage, "venv")
	if err := command.Run(ctx, stage, nil, nil, python, "-m", "venv", dir); err != nil {
		return nil, hint.Wrap(fmt.Errorf("python3 has neither pip nor venv: %w", err), "install one of them (Debian: apt-get install python3-venv)")
	}
	return []string{filepath.Join(dir, "bin", "python"), "-m", "pip"}, nil
}

// runClient runs a package client in dir.
func runClient(ctx context.Context, dir string, args []string, client string) error {
	// A setting that fits a user's own work but not a download into a folder of ours; everything else holds.
	return runClientEnv(ctx, dir, []string{"PIP_REQUIRE_VIRTUALENV=0"}, args, client)
}

func runClientEnv(ctx context.Context, dir string, env, args []string, client string) error {
	err := command.Run(ctx, dir, env, nil, args[0], args[1:]...)
	if errors.Is(err, command.ErrFailed) {
		return hint.Wrap(err, "%s downloads with your own settings: see that it reaches its registry, mirror or offline folder, then try again", client)
	}
	return err
}

func oneFile(dir, pattern string) (string, error) {
	// Not filepath.Glob of the whole path: the folder's own name may hold *, ? or [.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			return filepath.Join(dir, e.Name()), nil
		}
	}
	return "", fmt.Errorf("the download left no %s", pattern)
}
