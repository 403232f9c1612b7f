package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golab/kernel/internal/jupyter/jupytertest"
)

// TestNobodyReadsTheLog fills the pipe that the kernel logs to, and then closes it.
func TestNobodyReadsTheLog(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := startWith(t, func(cmd *exec.Cmd) { cmd.Stderr = w })
	w.Close()
	forge := func() {
		for range 3000 {
			_, frames := k.Frames("execute_request", jupytertest.ExecuteContent("1"))
			frames[1] = []byte(strings.Repeat("0", 64))
			k.SendFrames("shell", frames...)
		}
	}
	k.expect("x := 1\nx", "1")
	forge()
	k.expect("x++\nx", "2")
	r.Close()
	forge()
	k.expect("x++\nx", "3")
}

// TestMakingTheBase fails to make it for want of room, and then lets two processes find the empty cache at once.
func TestMakingTheBase(t *testing.T) {
	if testing.Short() {
		t.Skip("links everything anew")
	}
	t.Run("small disk", func(t *testing.T) {
		cache := t.TempDir()
		if err := syscall.Mount("tmpfs", cache, "tmpfs", 0, "size=20m"); err != nil {
			t.Skip("can't mount a small file system: ", err)
		}
		defer syscall.Unmount(cache, syscall.MNT_DETACH)
		runOn(t, cache, 1, "no space left on device")
		left := []string{}
		filepath.WalkDir(cache, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				left = append(left, path)
			}
			return nil
		})
		if len(left) > 1 { // the lock
			t.Errorf("left behind: %v", left)
		}
	})
	cache := t.TempDir()
	t.Run("large files are refused", func(t *testing.T) {
		runOn(t, cache, 1, "the cell was not run", "sh", "-c", `ulimit -f 20000; exec "$0" "$@"`)
	})
	t.Run("two at once", func(t *testing.T) {
		var cmds []*exec.Cmd
		var outs []*strings.Builder
		for range 2 {
			cmd, out := exec.Command(binary, "prepare"), &strings.Builder{}
			cmd.Env = append(os.Environ(), "GOLAB_CACHE="+cache, "TMPDIR="+t.TempDir())
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds, outs = append(cmds, cmd), append(outs, out)
		}
		made := 0
		for i, cmd := range cmds {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, outs[i])
			}
			if strings.Contains(outs[i].String(), "linked") {
				made++
			}
		}
		bases, err := filepath.Glob(filepath.Join(cache, "base", "*"))
		if made != 1 || len(bases) != 1 || err != nil {
			t.Errorf("%d made it, there are %v %v", made, bases, err)
		}
		runOn(t, cache, 0, "")
	})
}

// runOn runs a notebook on a cache.
func runOn(t *testing.T, cache string, status int, stderr string, prefix ...string) {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.ipynb")
	writeNotebook(t, in, []string{"x := 20", "x*2 + 2"})
	args := append(prefix, binary, "run", in, "-o", filepath.Join(dir, "out.ipynb"))
	cmd := exec.Command(args[0], args[1:]...)
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "GOLAB_CACHE="+cache, "TMPDIR="+tmp)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != status || !strings.Contains(string(out), stderr) {
		t.Errorf("status %d, want %d and %q\n%s", cmd.ProcessState.ExitCode(), status, stderr, out)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
