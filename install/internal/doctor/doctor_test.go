package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golab/install/internal/hint"
)

func TestPage(t *testing.T) {
	fine := check{what: "A", look: func(context.Context) (string, error) { return "fine", nil }}
	absent := func(context.Context) (string, error) { return "", hint.Wrap(errors.New("absent"), "get it") }
	var out strings.Builder
	if !run(t.Context(), &out, []check{fine, {what: "B", optional: true, look: absent}}) {
		t.Error("something optional counts")
	}
	if run(t.Context(), &out, []check{fine, {what: "B", look: absent}}) {
		t.Error("something missing does not count")
	}
	want := `✓ A                           fine
– B                           absent
                              hint: get it
✓ A                           fine
✗ B                           absent
                              hint: get it
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// On a machine where nothing was installed every line says what to do.
func TestNothingInstalled(t *testing.T) {
	for _, name := range []string{"GOLAB_HOME", "GOLAB_CACHE", "JUPYTER_DATA_DIR"} {
		t.Setenv(name, t.TempDir())
	}
	var out strings.Builder
	if Run(t.Context(), &out) {
		t.Error("it says that all is well")
	}
	if n := strings.Count(out.String(), "hint: go run ./install"); n != 9 {
		t.Errorf("%d hints, want 9:\n%s", n, &out)
	}
}
