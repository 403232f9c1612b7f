package session

import (
	"regexp"
	"testing"
)

// TestTime checks that %time runs the code on its line and below, and tells where the time went.
func TestTime(t *testing.T) {
	s := open(t)
	for _, code := range []string{"%time x := 1\nx + 1", "%time\nx := 1\nx + 1", "%%time\nx := 1\nx + 1"} {
		got := must(t, s, code)
		if !regexp.MustCompile(`(?s)^=> 2\ncell\[1\]: [\d.]+ ms \(check [\d.]+, .*run [\d.]+\)\n$`).MatchString(got) {
			t.Errorf("%s\nshows %q", code, got)
		}
	}
	if got, err := runCell(s, 1, "%time panic(1)"); err == nil || !regexp.MustCompile(`cell\[1\]: [\d.]+ ms`).MatchString(got) {
		t.Errorf("a failing cell shows %q", got)
	}
}
