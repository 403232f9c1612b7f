package build

import (
	"os/exec"
	"syscall"
)

// group makes a tool end together with all that it started: compilers and linkers start others, which would go on
// writing into folders that are removed already.
func group(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = groupAttr()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
