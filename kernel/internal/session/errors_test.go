package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golab/kernel/internal/build"
)

// TestFailuresSayWhatToDo is about what goes wrong outside a cell.
func TestFailuresSayWhatToDo(t *testing.T) {
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	for _, test := range []struct {
		err   error
		words string
	}{
		{&fs.PathError{Op: "write", Path: "/tmp/x", Err: syscall.ENOSPC}, "no space left on device|hint: free some space"},
		{&build.ToolError{Tool: "compile", Output: "write _pkg_.a: no space left on device", Err: errors.New("exit status 1")}, "the compile tool failed|hint: free some space"},
		{&build.ToolError{Tool: "golab-link", Output: "collect2: fatal error: ld terminated with signal 9 [Killed]", Err: errors.New("exit status 1")}, "the link tool failed|memory"},
		{&build.ToolError{Tool: "compile", Err: killed}, "signal: killed|memory"},
		{&build.ToolError{Tool: "golab-link", Err: &fs.PathError{Op: "fork/exec", Path: "/x", Err: syscall.ENOENT}}, "were removed|restart the kernel"},
		{fmt.Errorf("something else"), "something else|was not run"},
	} {
		e := (&Session{dir: "/tmp/golab-session"}).failed(test.err)
		for _, w := range strings.Split(test.words, "|") {
			if !strings.Contains(strings.Join(e.Traceback, "\n"), w) || e.Name != "GoLab error" {
				t.Errorf("%v: %q does not say %q", test.err, e.Traceback, w)
			}
		}
	}
}
