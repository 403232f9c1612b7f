package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golab/install/internal/hint"
)

var errReadOnly error = syscall.EROFS

// checkFile compares the hash of a file with want: "sha512-<base64>" or "sha256:<hex>".
func checkFile(name, want string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var (
		h      hash.Hash
		encode func([]byte) string
	)
	switch {
	case strings.HasPrefix(want, "sha512-"):
		h, encode = sha512.New(), func(b []byte) string { return "sha512-" + base64.StdEncoding.EncodeToString(b) }
	case strings.HasPrefix(want, "sha256:"):
		h, encode = sha256.New(), func(b []byte) string { return "sha256:" + hex.EncodeToString(b) }
	default:
		return fmt.Errorf("pin %q: unknown kind of hash", want)
	}
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := encode(h.Sum(nil)); got != want {
		return hint.Wrap(fmt.Errorf("%s is not the file that GoLab pins: its hash is %s, not %s", filepath.Base(name), got, want),
			"the download was damaged, or a mirror serves another file under this name: try again, then look at your pip and npm settings")
	}
	return nil
}

// unzip writes the members of the archive that pick names into dir. pick maps a member's slash-separated name to a name below dir, "" to leave it out.
func unzip(archive, dir string, pick func(string) string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, m := range z.File {
		name := pick(m.Name)
		if name == "" || m.FileInfo().IsDir() {
			continue
		}
		r, err := m.Open()
		if err != nil {
			return err
		}
		err = extract(dir, name, r, m.Mode())
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// untar is unzip for a gzipped tar file.
func untar(archive, dir string, pick func(string) string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	tr := tar.NewReader(gz)
	for {
		m, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := pick(m.Name)
		if name == "" || m.Typeflag != tar.TypeReg {
			continue
		}
		if err := extract(dir, name, tr, m.FileInfo().Mode()); err != nil {
			return err
		}
	}
}

func extract(dir, name string, r io.Reader, mode fs.FileMode) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("the archive has a member outside its folder: %q", name)
	}
	dst := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	return writeFile(dst, r, 0o644|mode&0o111)
}
