package build

import (
	_ "embed" // the additional file of package os
	"path/filepath"
	"strings"
)

// stdinEdits let os.Stdin, as it is compiled into the base, read what the person at the client types: reading it asks for a
// line. A program that a cell starts with os.Stdin as its standard input gets the descriptor, which is empty.
var stdinEdits = []edit{
	{file: "file.go",
		old: "n, e := f.read(b)\n",
		new: "n, e := golabRead(f, b)\n"},
	{file: "file.go",
		old: "n, handled, e := f.readFrom(r)\n\tif !handled {",
		new: "var handled bool\n\tvar e error\n\tif golabSource(r) {\n\t\tn, handled, e = f.readFrom(r)\n\t}\n\tif !handled {"},
	{file: "file.go",
		old: "n, handled, e := f.writeTo(w)",
		new: "n, handled, e := golabWriteTo(f, w)"},
}

//go:embed rt/stdin.go
var stdinAddition string

// editedOS returns the changed and added files of package os by path; nothing if this Go's is not as the edits expect it:
// os.Stdin is then empty, and cells ask with nb.Input.
func editedOS(goroot string) map[string]string {
	dir := filepath.Join(goroot, "src", "os")
	files, err := edited(dir, stdinEdits)
	if err != nil {
		return nil
	}
	_, code, _ := strings.Cut(stdinAddition, "//go:build ignore\n")
	files[filepath.Join(dir, "golab.go")] = code
	return files
}
