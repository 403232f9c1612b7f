// Package disk says how much room folders take.
package disk

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Usage adds up the room that the files below a path take; what can't be read counts as nothing, and a file of several names once.
func Usage(path string) int64 {
	type inode struct{ dev, ino uint64 }
	var (
		sum  int64
		seen = map[inode]bool{}
	)
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return nil
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		if id := (inode{uint64(st.Dev), st.Ino}); !seen[id] {
			seen[id] = true
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum
}

// Free is how much room an unprivileged user has left on the file system of a path that exists; 0 if that can't be told.
func Free(path string) int64 {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return 0
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// Size writes n bytes as people do: 259 MB, 1.4 GB.
func Size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%d kB", n/1000)
	case n < 1000_000_000:
		return fmt.Sprintf("%d MB", n/1000_000)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
