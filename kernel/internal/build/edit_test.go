package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEdits applies the edits to this Go, and to sources of Go that differ from what they expect.
func TestEdits(t *testing.T) {
	real, _, _, err := goTool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	goroot := t.TempDir()
	files := map[string]string{}
	for _, dir := range []string{"src/cmd/link/internal/ld", "src/cmd/link/internal/loader", "src/runtime", "src/os"} {
		sources, err := filepath.Glob(filepath.Join(real, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(goroot, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range sources {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := dir + "/" + filepath.Base(file)
			files[name] = string(text)
			if err := os.WriteFile(filepath.Join(goroot, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	change := func(name, old string) (undo func()) {
		t.Helper()
		text := strings.Replace(files[name], old, old[:len(old)/2]+"/* another Go */"+old[len(old)/2:], 1)
		if text == files[name] {
			t.Fatalf("%s has no %q", name, old)
		}
		write := func(text string) {
			if err := os.WriteFile(filepath.Join(goroot, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(text)
		return func() { write(files[name]) }
	}

	linker, err := editedLinker(goroot)
	if err != nil {
		t.Fatal(err)
	}
	ld := filepath.Join(goroot, "src/cmd/link/internal/ld")
	if added := linker[filepath.Join(ld, "golab.go")]; !strings.Contains(added, " runtime.unreachableMethod ") {
		t.Error("the added file does not have the names that the linker knows")
	}
	if text := linker[filepath.Join(ld, "main.go")]; !strings.Contains(text, "golabPackage()") {
		t.Error("main.go is not edited")
	}
	if text := editedRuntime(goroot)[filepath.Join(goroot, "src/runtime/type.go")]; strings.Count(text, "golabHashed") < 4 {
		t.Error("type.go is not edited")
	}

	for _, e := range linkerEdits {
		undo := change("src/cmd/link/internal/"+e.file, e.old)
		if err := canShare(goroot); (err == nil) != e.optional {
			t.Errorf("without %q in %s: %v", e.old, e.file, err)
		}
		undo()
	}
	for _, e := range runtimeEdits {
		undo := change("src/runtime/"+e.file, e.old)
		if len(editedRuntime(goroot)) > 0 {
			t.Errorf("the runtime is edited without %q", e.old)
		}
		if err := canShare(goroot); err != nil {
			t.Errorf("without %q in the runtime: %v", e.old, err)
		}
		undo()
	}
	if text := editedOS(goroot)[filepath.Join(goroot, "src/os/file.go")]; strings.Count(text, "golab") != len(stdinEdits) {
		t.Error("file.go is not edited")
	}
	for _, e := range stdinEdits {
		undo := change("src/os/"+e.file, e.old)
		if len(editedOS(goroot)) > 0 {
			t.Errorf("package os is edited without %q", e.old)
		}
		undo()
	}
}

// TestRecipe looks whether all that this package is made of counts for a base's key.
func TestRecipe(t *testing.T) {
	for _, pattern := range []string{"*.go", "ld/*", "rt/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if _, err := recipe.ReadFile(filepath.ToSlash(file)); err != nil {
				t.Error(err)
			}
		}
	}
}
