package jupyter

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, c Connection, mode os.FileMode) string {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "c.json")
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// TestWarnings: whatever lets others in is told, and nothing else.
func TestWarnings(t *testing.T) {
	private, open, sticky := filepath.Join(t.TempDir(), "private"), filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "sticky")
	for dir, mode := range map[string]os.FileMode{private: 0o700, open: 0o777, sticky: 0o777 | os.ModeSticky} {
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		c    Connection
		mode os.FileMode
		want []string
	}{
		{Connection{IP: "127.0.0.1", Key: "k"}, 0o600, nil},
		{Connection{IP: "localhost", Key: "k"}, 0o600, nil},
		{Connection{IP: "::1", Key: "k"}, 0o600, nil},
		{Connection{IP: "127.0.0.1", Key: "k"}, 0o644, []string{"others can read the connection file"}},
		{Connection{IP: "127.0.0.1", Key: "k"}, 0o660, []string{"others can read the connection file"}},
		{Connection{IP: "0.0.0.0", Key: "k"}, 0o600, []string{"listen on 0.0.0.0"}},
		{Connection{IP: "*", Key: "k"}, 0o600, []string{"listen on *"}},
		{Connection{IP: "::", Key: "k"}, 0o600, []string{"listen on ::"}},
		{Connection{IP: "192.0.2.1", Key: "k"}, 0o600, []string{"listen on 192.0.2.1"}},
		{Connection{IP: "127.0.0.1"}, 0o644, []string{"no key"}},
		{Connection{IP: "0.0.0.0"}, 0o600, []string{"listen on 0.0.0.0", "and others reach them"}},
		{Connection{Transport: "ipc", IP: filepath.Join(private, "k"), Key: "k"}, 0o600, nil},
		{Connection{Transport: "ipc", IP: filepath.Join(private, "new", "k"), Key: "k"}, 0o600, nil},
		{Connection{Transport: "ipc", IP: filepath.Join(sticky, "k"), Key: "k"}, 0o600, nil},
		{Connection{Transport: "ipc", IP: filepath.Join(open, "k"), Key: "k"}, 0o600, []string{"others can write in " + open}},
	} {
		path := writeFile(t, test.c, test.mode)
		c, err := ReadConnection(path)
		if err != nil {
			t.Fatal(err)
		}
		got := c.warnings(path)
		if len(got) != len(test.want) {
			t.Errorf("%v: %q", test.c, got)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%v: %q, want %q", test.c, got[i], want)
			}
		}
	}
}

func TestReadConnectionRefuses(t *testing.T) {
	for _, test := range []struct {
		c    Connection
		want string
	}{
		{Connection{}, "no ip"},
		{Connection{IP: "x", Transport: "inproc"}, "neither tcp nor ipc"},
		{Connection{IP: "127.0.0.1", Key: "k", SignatureScheme: "hmac-md5"}, "signature scheme"},
	} {
		if _, err := ReadConnection(writeFile(t, test.c, 0o600)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test.c, err)
		}
	}
	for name, content := range map[string]string{"text": "x", "list": "[]", "empty": "", "wrong port": `{"ip":"127.0.0.1","shell_port":"1"}`} {
		path := filepath.Join(t.TempDir(), "c.json")
		os.WriteFile(path, []byte(content), 0o600)
		if _, err := ReadConnection(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListen: sockets are where the file says, and nobody else's to use.
func TestListen(t *testing.T) {
	dir, err := os.MkdirTemp("", "jt")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := Connection{Transport: "ipc", IP: filepath.Join(dir, "new", "k")}
	for range 2 { // the second finds what the first left when it was killed
		ln, err := c.listen(1)
		if err != nil {
			t.Fatal(err)
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		ln.Close()
	}
	for path, want := range map[string]os.FileMode{filepath.Join(dir, "new"): 0o700, filepath.Join(dir, "new", "k-1"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	for ip, loopback := range map[string]bool{"127.0.0.1": true, "*": false} {
		ln, err := Connection{Transport: "tcp", IP: ip}.listen(0)
		if err != nil {
			t.Fatal(err)
		}
		if addr := ln.Addr().(*net.TCPAddr); addr.IP.IsLoopback() != loopback {
			t.Errorf("%s listens on %s", ip, addr)
		}
		ln.Close()
	}
}
