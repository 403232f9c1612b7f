package main

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestBench runs the benchmark on GoLab alone; what it measures is not judged.
func TestBench(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	cmd := exec.Command(binary, "bench", "-peers", "golab", "-rounds", "1", "-starts", "1", "-cells", "2")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for _, row := range []string{"| ms | GoLab |", "| start to kernel_info |", "| trivial cell |", "| small loop |", "| GoMLX: compute a graph |", "| interrupt |", "2 small loops in one GoLab session", "kB a cell"} {
		if !strings.Contains(string(out), row) {
			t.Errorf("no %q in\n%s", row, out)
		}
	}
}
