//go:build !linux

package session

import (
	"os/exec"
	"syscall"
)

// childAttr puts the worker in a process group of its own, so that a terminal's Ctrl-C reaches the front alone. It ends
// when its command pipe is closed.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// reap waits for the worker to end, and ends what it leaves behind in its process group.
func reap(cmd *exec.Cmd) {
	cmd.Wait()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
