package build

import (
	"context"
	"go/token"
	"go/types"
	"io"
	"os"
	"strings"
	"sync"

	gcimporter "go/importer"
)

// importer reads packages' types from the export data in their archives, each once.
type importer struct {
	find   func(path string) (*pkg, error)
	repair func(ctx context.Context, failed error) error
	mu     sync.Mutex
	imp    types.Importer
	fset   *token.FileSet
	errs   map[string]error
}

func newImporter(find func(path string) (*pkg, error), repair func(ctx context.Context, failed error) error) *importer {
	im := &importer{find: find, repair: repair, errs: map[string]error{}, fset: token.NewFileSet()}
	im.imp = gcimporter.ForCompiler(im.fset, "gc", func(path string) (io.ReadCloser, error) {
		p, err := im.find(path)
		if err != nil {
			im.errs[path] = err
			return nil, err
		}
		return os.Open(p.File)
	})
	return im
}

// Import is the types of package path. Packages are shared by all callers and must not be changed.
func (b *Base) Import(path string) (*types.Package, error) { return b.imp.Import(path) }

func (im *importer) Import(path string) (*types.Package, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	delete(im.errs, path)
	p, err := im.imp.Import(path)
	if own := im.errs[path]; own != nil {
		return nil, own
	}
	if err == nil {
		return p, nil
	}
	if err := im.repair(context.Background(), err); err != nil {
		return nil, err
	}
	return im.imp.Import(path)
}

// Position is where an object of an imported package is declared: a file of this machine, which may have been removed.
func (b *Base) Position(pos token.Pos) token.Position {
	p := b.imp.fset.Position(pos)
	if rest, ok := strings.CutPrefix(p.Filename, "$GOROOT"); ok {
		p.Filename = b.goroot + rest
	}
	return p
}

// Known is the packages that cells can import at once: their names by path.
func (b *Base) Known() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := map[string]string{}
	for name, paths := range b.names {
		for _, path := range paths {
			known[path] = name
		}
	}
	return known
}

// Shared reports whether a package is part of the base, and whether every worker has initialized it when it starts.
func (b *Base) Shared(path string) (shared, running bool) {
	b.running.Do(func() {
		pkgs, err := b.closure([]string{"golab/kernel/internal/worker"})
		if err == nil {
			b.inWorker = pkgs
		}
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.packages[path]
	return p != nil && p.Base, b.inWorker[path] != nil
}
