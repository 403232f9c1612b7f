package gopls

import "syscall"

// childAttr puts gopls in a process group of its own, with the go commands that it runs, and ends it when the front dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
