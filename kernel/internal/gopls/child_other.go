//go:build !linux

package gopls

import "syscall"

// childAttr puts gopls in a process group of its own, with the go commands that it runs.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
