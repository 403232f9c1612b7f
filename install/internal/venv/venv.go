// Package venv makes GoLab's private Python environment, with JupyterLab and what comes with it, pinned and checked by hash.
//
// Nothing of the user's own Python, Jupyter or their settings is touched. JupyterLab's announcements, its look-ups of newer versions
// and its extension shop are off in this environment's own configuration, so that it works without a network.
package venv

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golab/install/internal/command"
	"golab/install/internal/hint"
	"golab/kernel/home"
	"golab/kernel/home/filelock"
)

//go:embed requirements.txt
var requirements string

// Dir is the environment's folder, whether or not it is there.
func Dir() string { return filepath.Join(home.Dir(), "venv") }

// Python is the environment's Python.
func Python() string { return filepath.Join(Dir(), "bin", "python") }

// DataDir is the environment's own Jupyter data folder: what is registered there is seen by this environment's Jupyter alone.
func DataDir() string { return filepath.Join(Dir(), "share", "jupyter") }

// Env is what to add to the environment of a program of this folder, so that nothing of another Python gets mixed in.
// (An empty value is the same to Python as none.)
func Env() []string { return []string{"PYTHONHOME=", "PYTHONPATH="} }

// settings are the environment's own files, by path below Dir.
//
// Jupyter Server 2.21 says at every kernel that its ping timeout is longer than its ping interval. Setting them equal silences that and
// makes it hang up on every browser after 30 seconds, before the first ping: leave it.
var settings = map[string]string{
	"etc/jupyter/jupyter_lab_config.json": `{
  "LabApp": {
    "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    "extension_manager": "readonly",
    "news_url": null
  }
}
`,
	"share/jupyter/lab/settings/overrides.json": `{
  "@jupyterlab/apputils-extension:notification": {
    "checkForUpdates": false,
    "doNotDisturbMode": false,
    "fetchNews": "false"
  }
}
`,
}

// plugin is the Python module that has papermill write parameters in Go.
//
//go:embed golab_papermill
var plugin embed.FS

// own is all of the environment's own files, by path below Dir, for a Python version such as 3.11.7.
func own(python string) map[string]string {
	files := maps.Clone(settings)
	parts := strings.SplitN(python, ".", 3)
	site := "lib/python" + strings.Join(parts[:min(2, len(parts))], ".") + "/site-packages/"
	for name, to := range map[string]string{
		"golab_papermill.py": "golab_papermill.py",
		"METADATA":           "golab_papermill-0.1.0.dist-info/METADATA",
		"entry_points.txt":   "golab_papermill-0.1.0.dist-info/entry_points.txt",
	} {
		text, err := plugin.ReadFile("golab_papermill/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		files[site+to] = string(text)
	}
	return files
}

// stamp is what the file .golab in Dir says of an environment that is complete and up to date, for a Python version.
func stamp(python string) string {
	h := sha256.New()
	fmt.Fprint(h, requirements)
	return fmt.Sprintf("%x %s\n", h.Sum(nil), python)
}

// Ready reports whether the environment is there, complete, up to date, and its Python still runs.
func Ready(ctx context.Context) bool {
	python := installed(ctx)
	return python != "" && settled(python)
}

// installed returns the version of the environment's Python if that runs and the packages are there, else "".
func installed(ctx context.Context) string {
	b, err := os.ReadFile(filepath.Join(Dir(), ".golab"))
	if err != nil {
		return ""
	}
	v, err := pythonVersion(ctx, Python())
	if err != nil || string(b) != stamp(v) {
		return ""
	}
	return v
}

// settled reports whether the environment's own files are there.
func settled(python string) bool {
	for name, text := range own(python) {
		b, err := os.ReadFile(filepath.Join(Dir(), filepath.FromSlash(name)))
		if err != nil || string(b) != text {
			return false
		}
	}
	return true
}

func settle(python string) error {
	for name, text := range own(python) {
		name = filepath.Join(Dir(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := replace(name, text); err != nil {
			return err
		}
	}
	return nil
}

// replace makes a file hold text, in one step.
func replace(name, text string) error {
	if err := os.WriteFile(name+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// Ensure makes the environment unless it is [Ready]; made reports whether it had to. say is told what it is at.
// An environment of other pins, or one that was interrupted half-way, is made anew; what pip has in its cache is not downloaded again.
func Ensure(ctx context.Context, say func(string)) (made bool, err error) {
	if home.Dir() == "" {
		return false, hint.Wrap(errors.New("you have no home folder"), "set GOLAB_HOME to a folder that GoLab may fill")
	}
	if Ready(ctx) {
		return false, nil
	}
	release, err := filelock.Acquire(ctx, filepath.Join(home.Dir(), ".stage", "venv.lock"), func() { say("another installation is at it: waiting") })
	if err != nil {
		return false, err
	}
	defer release()
	if python := installed(ctx); python != "" {
		return false, settle(python)
	}
	python, err := FindPython(ctx)
	if err != nil {
		return false, err
	}
	version, err := pythonVersion(ctx, python)
	if err != nil {
		return false, err
	}

	// Python environments can't be moved, so this one is made at its place; without its stamp it counts as not there.
	if err := os.Remove(filepath.Join(Dir(), ".golab")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	say("python -m venv")
	if err := command.Run(ctx, home.Dir(), Env(), nil, python, "-m", "venv", "--clear", Dir()); err != nil {
		return false, hint.Wrap(err, "install Python's venv module (Debian: apt-get install python3-venv)")
	}
	req := filepath.Join(Dir(), "requirements.txt")
	if err := os.WriteFile(req, []byte(requirements), 0o644); err != nil {
		return false, err
	}
	// The user's pip settings hold, but for those that would send packages elsewhere.
	env := append(Env(), "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0")
	err = command.Run(ctx, home.Dir(), env, pipNotes(say), Python(), "-m", "pip", "install", "--require-hashes", "--no-input",
		"--disable-pip-version-check", "--progress-bar=off", "--requirement", req)
	if errors.Is(err, command.ErrFailed) {
		err = hint.Wrap(err, "pip downloads with your own settings: see that it reaches its registry, mirror or offline folder, then run this again; it goes on where it stopped")
	}
	if err != nil {
		return false, err
	}
	if err := replace(filepath.Join(Dir(), ".golab"), stamp(version)); err != nil {
		return false, err
	}
	return true, settle(version)
}

// pipNotes shortens what pip says: "37 packages: collecting tornado".
func pipNotes(say func(string)) func(string) {
	n := 0
	return func(line string) {
		if what, ok := strings.CutPrefix(line, "Collecting "); ok {
			n++
			what, _, _ = strings.Cut(what, "==")
			say(fmt.Sprintf("package %d of about %d: %s", n, wanted(), what))
		} else if strings.HasPrefix(line, "Installing collected packages") {
			say(fmt.Sprintf("unpacking %d packages", n))
		}
	}
}

// wanted is about how many packages an environment has: those of requirements.txt that are not for another system or an old Python.
func wanted() int {
	n := 0
	for line := range strings.Lines(requirements) {
		if strings.Contains(line, "==") && !elsewhere.MatchString(line) {
			n++
		}
	}
	return n
}

var elsewhere = regexp.MustCompile(`; (sys_platform|os_name) == |; python_full_version < '[0-9.]+'( and [^o]*)? ?\\`)

// FindPython returns a Python on PATH that GoLab's environment can be made with. The error says what to install.
func FindPython(ctx context.Context) (string, error) {
	const debian = "install Python 3.10 or newer with venv (Debian: apt-get install python3 python3-venv)"
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", hint.Wrap(errors.New("python3 is not installed"), debian)
	}
	v, err := pythonVersion(ctx, python)
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("%s does not run: %w", python, err), debian)
	}
	major, rest, _ := strings.Cut(v, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(minor); major != "3" || err != nil || n < 10 {
		return "", hint.Wrap(fmt.Errorf("%s is Python %s; JupyterLab needs 3.10 or newer", python, v), debian)
	}
	if err := exec.CommandContext(ctx, python, "-c", "import venv, ensurepip").Run(); err != nil {
		return "", hint.Wrap(fmt.Errorf("%s lacks the venv module", python), "install it (Debian: apt-get install python3-venv)")
	}
	return python, nil
}

func pythonVersion(ctx context.Context, python string) (string, error) {
	cmd := exec.CommandContext(ctx, python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])")
	cmd.Env = append(os.Environ(), Env()...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// LabVersion is the pinned version of JupyterLab.
func LabVersion() string {
	_, rest, _ := strings.Cut(requirements, "\njupyterlab==")
	v, _, _ := strings.Cut(rest, " ")
	return v
}
