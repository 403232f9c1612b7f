package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// private moves the worker's own descriptors out of the way of programs that close, open or pass on files by number: cells
// may close their standard output, and what they start must not hold the pipes to the front.
const private = 500

// own is a copy of fd that cells don't meet. The place of one that is no standard stream is kept empty.
func own(fd int) int {
	for _, from := range []int{private, 10} { // the limit on open files may be low
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, from)
		if err != nil {
			continue
		}
		if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); fd > 2 && err == nil {
			unix.Close(fd)
			unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, fd) // else fd would become one of the runtime's own
			unix.Close(null)
		}
		return n
	}
	return fd
}

// reopen lets standard output or error work again that the cell before closed: fd, of which kept is a copy.
func reopen(fd, kept int, f **os.File) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == unix.EBADF {
		if n, err := unix.FcntlInt(uintptr(kept), unix.F_DUPFD, fd); err == nil && n != fd { // taken meanwhile
			unix.Close(n)
		}
	}
	if (*f).Fd() != ^uintptr(0) {
		return
	}
	if n, err := unix.FcntlInt(uintptr(kept), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		*f = os.NewFile(uintptr(n), map[int]string{1: "/dev/stdout", 2: "/dev/stderr"}[fd])
	}
}
