//go:build !linux

package session

import "syscall"

// childAttr puts the worker in a process group of its own, so that a terminal's Ctrl-C reaches the front alone. It ends
// when its command pipe is closed.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
