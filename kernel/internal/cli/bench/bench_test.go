package bench

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golab/kernel/internal/history"
	"golab/kernel/internal/jupyter"
	"golab/kernel/internal/jupyter/jupytertest"
)

func TestClient(t *testing.T) {
	dir, err := os.MkdirTemp("", "gb") // not t.TempDir, whose names are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	conn := connection(dir)
	data, err := json.Marshal(conn)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "c.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var server sync.WaitGroup
	server.Go(func() {
		if err := jupyter.Serve(t.Context(), file, &jupytertest.Engine{}, history.InMemory(), slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
	})
	c, err := dial(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer c.close()
	defer c.send("control", "shutdown_request", map[string]any{"restart": false})
	if err := c.subscribed(); err != nil {
		t.Fatal(err)
	}
	if shown, took, err := c.execute("print hello\nvalue 42"); shown != "hello\n42" || took <= 0 || err != nil {
		t.Errorf("shows %q after %s (%v)", shown, took, err)
	}
	if _, _, err := c.execute("fail boom"); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
	if took, err := c.interrupt("print go\nwait forever"); took <= 0 || err != nil {
		t.Errorf("interrupted after %s (%v)", took, err)
	}
	if _, err := c.interrupt("print on"); err == nil {
		t.Error("a cell that ends by itself was interrupted")
	}
}

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		values  []float64
		q, want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{1, 2, 3, 4, 5}, 0.25, 2},
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
	} {
		if got := quantile(test.values, test.q); got != test.want {
			t.Errorf("quantile(%v, %g) = %g, want %g", test.values, test.q, got, test.want)
		}
	}
}

func TestLatency(t *testing.T) {
	times := make([]float64, 1000)
	for i := range times {
		times[i] = 20 + float64(i/100)
	}
	want := "1000 small loops in one GoLab session: median of the first 100 20 ms, of the last 100 29 ms"
	if got := latency(times); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := latency([]float64{3}); !strings.HasSuffix(got, "the first 1 3.0 ms, of the last 1 3.0 ms") {
		t.Errorf("got %s", got)
	}
}

func TestReport(t *testing.T) {
	r := newReport()
	r.peers = []string{"A", "B"}
	for _, ms := range []float64{3, 1, 2} {
		r.add("A", "one", ms)
		r.add("B", "one", 10*ms)
		r.add("A", "two", 100*ms)
	}
	r.memory["A"], r.memory["B"] = 2048, 1024
	r.note("%s is left out", "C")
	var b strings.Builder
	r.write(&b)
	want := `| ms | A | B | × A |
|---|---|---|---|
| one | 2.0 (1.5–2.5) | 20 (15–25) | 10× |
| two | 200 (150–250) | – | – |
| memory after the run, MB | 2 | 1 | 0.5× |

- C is left out
`
	if head, got, _ := strings.Cut(b.String(), "\n\n"); got != want || !strings.HasPrefix(head, "Measured on ") {
		t.Errorf("got %s\n\n%s", head, got)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"-peers lgo": `unknown peer "lgo"`,
		"more":       `unexpected argument "more"`,
		"-rounds 0":  "must be positive",
		"-colour":    "-colour",
	} {
		var out, errs strings.Builder
		if status := Run(t.Context(), strings.Fields(args), &out, &errs); status != 2 || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "usage:") {
			t.Errorf("%q: status %d, stderr %q", args, status, errs.String())
		}
	}
}
