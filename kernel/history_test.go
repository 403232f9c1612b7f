package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHistoryOutlivesKernels: the next kernel knows what was run in the last, and one that runs beside it.
func TestHistoryOutlivesKernels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.db")
	keep := func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "GOLAB_HISTORY="+file) }
	end := func(k *kernel) {
		t.Helper()
		reply, _ := k.Request("control", "shutdown_request", object{"restart": false})
		if reply.Text("status") != "ok" {
			t.Error(reply.Content)
		}
		k.waitExit()
	}
	first := startWith(t, keep)
	first.expect("x := 41; x + 1", "42")
	end(first)
	second, beside := startWith(t, keep), startWith(t, keep)
	second.value("y := 1")
	beside.value("z := 2")
	end(beside)
	reply, _ := second.Request("shell", "history_request", object{"hist_access_type": "tail", "n": 10, "output": true})
	var cells []any
	for _, line := range reply.Content["history"].([]any) {
		cells = append(cells, line.([]any)[1:]...) // not the session: which of the two began first is open
	}
	if got, want := fmt.Sprint(cells), "[1 [x := 41; x + 1 42] 1 [z := 2 <nil>] 1 [y := 1 <nil>]]"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}
