package build

import (
	"go/token"
	"go/types"
	"io"
	"os"
	"sync"

	gcimporter "go/importer"
)

// importer reads packages' types from the export data in their archives, each once.
type importer struct {
	b    *Base
	mu   sync.Mutex
	imp  types.Importer
	errs map[string]error
}

func newImporter(b *Base) *importer {
	im := &importer{b: b, errs: map[string]error{}}
	im.imp = gcimporter.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		p, err := b.find(path)
		if err != nil {
			im.errs[path] = err
			return nil, err
		}
		return os.Open(p.File)
	})
	return im
}

// Import is the types of package path. Packages are shared by all callers and must not be changed.
func (b *Base) Import(path string) (*types.Package, error) {
	im := b.imp
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
	return p, err
}
