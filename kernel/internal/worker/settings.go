package worker

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golab/kernel/internal/pipe"
	"golab/kernel/live"
)

// settle makes the process what the front says. The front has looked whether it can be done; what fails all the same is
// said where the user sees it.
func settle(s pipe.Settings) {
	if s.Dir != "" {
		if err := os.Chdir(s.Dir); err != nil {
			fmt.Fprintf(os.Stderr, "golab: cells can't run in that folder: %v\n", err)
		}
	}
	for k, v := range s.Env {
		if err := os.Setenv(k, v); err != nil {
			fmt.Fprintf(os.Stderr, "golab: %s can't be set: %v\n", k, err)
		}
	}
	for _, k := range s.Unset {
		os.Unsetenv(k)
	}
	os.Args = append(os.Args[:1:1], s.Args...)
	if len(s.Flags) > 0 {
		live.ForgetFlags(s.Flags)
	}
	if len(s.Discard) > 0 {
		live.Drop(s.Discard...)
	}
}

// here is where and with what this process runs.
func here() *pipe.Process {
	p := &pipe.Process{Env: os.Environ()}
	p.Dir, _ = os.Getwd()
	return p
}

// cpuTime is what all threads of this process have computed so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
