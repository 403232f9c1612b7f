package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "家 x")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	empty := Usage(dir)
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, bytes.Repeat([]byte("GoLab"), 20_000), 0o644); err != nil {
		t.Fatal(err)
	}
	one := Usage(dir) - empty
	if one <= 0 {
		t.Errorf("a file of 100 kB takes %d bytes", one)
	}
	if err := os.Link(name, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if two := Usage(dir) - empty; two != one {
		t.Errorf("with a second name it takes %d bytes, not %d", two, one)
	}
	if n := Usage(filepath.Join(dir, "nothing")); n != 0 {
		t.Errorf("nothing takes %d bytes", n)
	}
	if Free(dir) <= 0 {
		t.Error("no room at all")
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{12: "12 bytes", 45_600: "45 kB", 259_284_552: "259 MB", 1_440_000_000: "1.4 GB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
