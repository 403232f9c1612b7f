package main

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKilledFrontTakesItsWorker kills the front as the kernel's out-of-memory killer or Jupyter's last resort does. (Only
// Linux can promise that; elsewhere the worker ends when it next reads a command.)
func TestKilledFrontTakesItsWorker(t *testing.T) {
	k := start(t)
	worker, err := unix.PidfdOpen(k.workerPID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(worker)
	k.begin("fmt.Println(`go`); for {}")
	k.cmd.Process.Kill()
	<-k.exited
	fds := []unix.PollFd{{Fd: int32(worker), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(time.Minute.Milliseconds()))
	for err == unix.EINTR {
		n, err = unix.Poll(fds, int(time.Minute.Milliseconds()))
	}
	if n != 1 || err != nil {
		t.Errorf("the worker lives on (%d, %v)", n, err)
	}
}
