package session

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr puts the worker in a process group of its own, so that a terminal's Ctrl-C reaches the front alone, and ends
// it when the front dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reap waits for the worker to end, and ends what it leaves behind in its process group. Until the worker is waited for,
// no other group can have its number.
func reap(cmd *exec.Cmd) {
	pid := cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	unix.Kill(-pid, unix.SIGKILL)
	cmd.Wait()
}
