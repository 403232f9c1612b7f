package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args string
		err  error
		says string
	}{
		{"", errUsage, "usage:"},
		{"help", nil, "usage:"},
		{"lba", errUsage, `There is no command "lba"`},
		{"lab -h", flag.ErrHelp, "-no-browser"},
		{"lab --port many", errUsage, "invalid value"},
		{"lab --port 99999", errUsage, "up to 65535"},
		{"kernel", errUsage, "--user"},
		{"doctor now", errUsage, `unexpected argument "now"`},
		{"uninstall -h", flag.ErrHelp, "-yes"},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		err = run(t.Context(), strings.Fields(test.args), out, out)
		b, _ := os.ReadFile(out.Name())
		if !errors.Is(err, test.err) || !strings.Contains(string(b), test.says) {
			t.Errorf("%q: error %v, says\n%s", test.args, err, b)
		}
	}
}
