package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report collects what was measured.
type report struct {
	peers  []string
	rows   []string                        // in the order in which they were first measured
	times  map[string]map[string][]float64 // ms by row and peer
	memory map[string]int                  // kB by peer
	notes  []string
}

func newReport() *report {
	return &report{times: map[string]map[string][]float64{}, memory: map[string]int{}}
}

func (r *report) add(peer, row string, ms float64) {
	if r.times[row] == nil {
		r.times[row] = map[string][]float64{}
		r.rows = append(r.rows, row)
	}
	r.times[row][peer] = append(r.times[row][peer], ms)
}

func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// write prints the table: medians with the middle half in brackets, and how many times as long the peers take as the
// first one.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "Measured on %s: %s.\n\n", time.Now().Format(time.DateOnly), machine())
	head, line := "| ms |", "|---|"
	for i, p := range r.peers {
		head += " " + p + " |"
		line += "---|"
		if i > 0 {
			head += " × " + r.peers[0] + " |"
			line += "---|"
		}
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	for _, row := range r.rows {
		cells := []string{row}
		first := r.times[row][r.peers[0]]
		for i, p := range r.peers {
			times := r.times[row][p]
			if len(times) == 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, fmt.Sprintf("%s (%s–%s)", figure(quantile(times, 0.5)), figure(quantile(times, 0.25)), figure(quantile(times, 0.75))))
			}
			if i > 0 {
				ratio := "–"
				if len(first) > 0 && len(times) > 0 {
					ratio = multiple(quantile(times, 0.5) / quantile(first, 0.5))
				}
				cells = append(cells, ratio)
			}
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(r.memory) > 0 {
		cells := []string{"memory after the run, MB"}
		for i, p := range r.peers {
			if r.memory[p] == 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, fmt.Sprintf("%.0f", float64(r.memory[p])/1024))
			}
			if i > 0 {
				ratio := "–"
				if first := r.memory[r.peers[0]]; first > 0 && r.memory[p] > 0 {
					ratio = multiple(float64(r.memory[p]) / float64(first))
				}
				cells = append(cells, ratio)
			}
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(w)
	for _, n := range r.notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// figure writes a time with the digits that mean something.
func figure(ms float64) string {
	if ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}

// quantile is the q-th quantile of values, between neighbours where it falls between.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// machine describes where this runs.
func machine() string {
	cpu := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	version := runtime.Version()
	if out, err := exec.Command("go", "env", "GOVERSION").Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, load %s at the end", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, version, load())
}

// load is the load average of the last minute.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}

// status reads a field of /proc/PID/status.
func status(pid int, field string) (int, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("process %d: no %s", pid, field)
}

// rss is the memory of a process in kB, with the pages of files that it shares with others.
func rss(pid int) (int, error) { return status(pid, "VmRSS") }

// treeRSS is the memory of a process and all that descend from it.
func treeRSS(root int) (sum int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	children := map[int][]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if parent, err := status(pid, "PPid"); err == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	for todo := []int{root}; len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], children[pid]...)
		kb, err := rss(pid)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		sum += kb
	}
	return sum, nil
}

// multiple writes a ratio with two digits that count.
func multiple(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f×", math.Round(x/10)*10)
	}
	return fmt.Sprintf("%.2g×", x)
}
