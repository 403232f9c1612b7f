package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// kernel is a running kernel and the client connected to it.
type kernel struct {
	*client
	cmd    *exec.Cmd
	dir    string
	exited chan struct{}
	log    *tail
}

// started are the times from starting a kernel's process.
type started struct {
	info time.Duration // to the reply to kernel_info
	cell time.Duration // to the end of the first cell
}

// start starts a peer's kernel and runs its smallest cell.
func start(p *peer) (*kernel, started, error) {
	var took started
	dir, err := os.MkdirTemp("", "gb")
	if err != nil {
		return nil, took, err
	}
	conn := connection(dir)
	if p.tcp {
		if conn, err = tcpConnection(); err != nil {
			return nil, took, err
		}
	}
	data, err := json.Marshal(conn)
	if err != nil {
		return nil, took, err
	}
	file := filepath.Join(dir, "connection.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, took, err
	}
	k := &kernel{dir: dir, exited: make(chan struct{}), log: &tail{}}
	k.cmd = exec.Command(p.argv[0], append(p.argv[1:len(p.argv):len(p.argv)], file)...)
	k.cmd.Dir = dir
	k.cmd.Env = append(append(os.Environ(), "GOLAB_HISTORY=off"), p.env...)
	k.cmd.Stdout, k.cmd.Stderr = k.log, k.log
	// Kernels that interrupt their whole process group must not hit this process.
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begin := time.Now()
	if err := k.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, took, err
	}
	go func() {
		k.cmd.Wait()
		close(k.exited)
	}()
	if k.client, err = dial(conn); err != nil {
		k.stop()
		return nil, took, fmt.Errorf("it does not start: %w\n%s", err, k.log)
	}
	took.info = time.Since(begin)
	if err = k.subscribed(); err == nil {
		_, _, err = k.execute(p.first)
	}
	if err != nil {
		k.stop()
		return nil, took, fmt.Errorf("%w\n%s", err, k.log)
	}
	took.cell = time.Since(begin)
	return k, took, nil
}

// run runs cells that have to succeed.
func (k *kernel) run(lists ...[]string) error {
	for _, codes := range lists {
		for _, code := range codes {
			if _, _, err := k.execute(code); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop ends the kernel and all that it started.
func (k *kernel) stop() {
	if k.client != nil {
		k.send("control", "shutdown_request", map[string]any{"restart": false})
		select {
		case <-k.exited:
		case <-time.After(10 * time.Second):
		}
		k.close()
	}
	syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
	<-k.exited
	os.RemoveAll(k.dir)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-4000):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(t.b, nil))
}
