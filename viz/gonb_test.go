package viz

import (
	"encoding/gob"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// TestGoNB runs itself as a program that GoNB started, and receives what it displays.
func TestGoNB(t *testing.T) {
	if os.Getenv(protocol.GONB_PIPE_ENV) != "" {
		Show(HTML("<i>x</i>"), Images(rows(2, 64)), Line([]int{1, 2}))
		p := NewProgress(2, "work")
		p.Set(2, "")
		p.Done("ended")
		return
	}
	dir := t.TempDir()
	out, back := filepath.Join(dir, "out"), filepath.Join(dir, "back")
	for _, name := range []string{out, back} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Skip("no FIFOs here:", err)
		}
	}
	// Opened for both ways, so that neither end waits for the other.
	var files []*os.File
	for _, name := range []string{out, back} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	displays := make(chan protocol.DisplayData, 100)
	go func() {
		d := gob.NewDecoder(files[0])
		for {
			var data protocol.DisplayData
			if d.Decode(&data) != nil {
				return
			}
			displays <- data
		}
	}()
	cmd := exec.Command(os.Args[0], "-test.run=^TestGoNB$")
	cmd.Env = append(os.Environ(), protocol.GONB_PIPE_ENV+"="+out, protocol.GONB_PIPE_BACK_ENV+"="+back)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var got []protocol.DisplayData
	for {
		select {
		case d := <-displays:
			got = append(got, d)
			text, _ := d.Data[mimeText].(string)
			if !strings.HasSuffix(text, "ended") {
				continue
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("after %d displays nothing more", len(got))
		}
		break
	}
	if got[0].Data[mimeHTML] != "<i>x</i>" {
		t.Errorf("first display: %v", got[0])
	}
	if png, ok := got[1].Data[mimePNG].([]byte); !ok || len(png) == 0 {
		t.Error("no PNG")
	}
	if svg, ok := got[2].Data[mimeSVG].(string); !ok || !strings.HasPrefix(svg, "<svg") {
		t.Error("no SVG")
	}
	for _, d := range got[3:] {
		if d.DisplayID == "" || d.DisplayID != got[3].DisplayID {
			t.Errorf("progress under id %q", d.DisplayID)
		}
	}
}
