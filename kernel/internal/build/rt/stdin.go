//go:build ignore

// This file is added to package os when GoLab compiles the shared base; see ../stdin.go.
package os

import (
	"io"
	_ "unsafe" // for go:linkname
)

// golabInput reads what a person types; the worker sets it.
//
//go:linkname golabInput
var golabInput func(b []byte) (int, error) = golabNoInput

func golabNoInput([]byte) (int, error) { return 0, io.EOF }

// golabStdin is the file that os.Stdin is when the program starts. Cells may let os.Stdin be another.
var golabStdin = Stdin

// golabRead is what File.Read does. The Read of nothing says whether the file is closed.
func golabRead(f *File, b []byte) (int, error) {
	if f.file != golabStdin.file {
		return f.read(b)
	}
	if _, err := f.read(nil); err != nil {
		return 0, err
	}
	return golabInput(b)
}

// golabWriteTo is what File.WriteTo tries first. It must not have the system copy what a person types.
func golabWriteTo(f *File, w io.Writer) (int64, bool, error) {
	if f.file == golabStdin.file {
		return 0, false, nil
	}
	return f.writeTo(w)
}

// golabSource is what File.ReadFrom may have the system copy.
func golabSource(r io.Reader) bool {
	if l, ok := r.(*io.LimitedReader); ok {
		r = l.R
	}
	switch f := r.(type) {
	case *File:
		return f == nil || f.file != golabStdin.file
	case fileWithoutWriteTo:
		return f.File == nil || f.File.file != golabStdin.file
	}
	return true
}
