package build

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// BenchmarkPlugin compiles and links cells that import ever more.
func BenchmarkPlugin(b *testing.B) {
	base, err := Open(context.Background(), func(s string) { fmt.Println(s) })
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, path, use string }{
		{"fmt", "fmt", "fmt.Println"},
		{"dataframe", "github.com/go-gota/gota/dataframe", "dataframe.New"},
		{"mlx", "golab/mlx", "mlx.Fit"},
	} {
		b.Run(c.name, func(b *testing.B) {
			files := map[string]string{"body.go": fmt.Sprintf("package nb\nimport %q\nimport \"golab/kernel/live\"\nvar f = %s\nfunc init() { live.Register(&live.Gen{}) }\n", c.path, c.use)}
			for i := range b.N {
				dir, err := os.MkdirTemp("", "bench")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := base.Plugin(context.Background(), dir, i+1, files, []string{c.path, "golab/kernel/live"}, dir+"/cell.so"); err != nil {
					b.Fatal(err)
				}
				os.RemoveAll(dir)
			}
		})
	}
}
