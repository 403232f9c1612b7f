package session

import "syscall"

// childAttr puts the worker in a process group of its own, so that a terminal's Ctrl-C reaches the front alone, and ends
// it when the front dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
