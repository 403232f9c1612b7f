package mlx

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // formats of FromImages
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	_ "golang.org/x/image/bmp" // formats of FromImages
	"golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// ImageOptions is how [FromImages] reads pictures.
type ImageOptions struct {
	Width, Height int  // that pictures are brought to; 224 when left at 0
	Gray          bool // one channel of brightness instead of red, green and blue
	// Stretch brings pictures of other proportions to the size as they are; otherwise what sticks out at two sides is cut off.
	Stretch bool
	// SkipBroken leaves out files that can't be read, instead of refusing them. [Images.Broken] lists them.
	SkipBroken bool
}

// Images is a folder of pictures, by their paths.
type Images struct {
	Paths  []string // of the examples, in order
	Labels []string // the names of their folders; nil when the pictures lie in the folder itself
	Broken []error  // files that were left out, with the reasons
	o      ImageOptions
}

// FromImages makes data of a folder of pictures: PNG, JPEG, GIF, WebP, BMP or TIFF. Each of its folders is a class; what lies deeper
// belongs to it. Without folders there are no labels. Pictures are read when they are needed: [Data.InMemory] keeps them. An
// example has shape [height, width, channels], from 0 (black) to 1.
//
// A folder without pictures, or a file that is named like a picture and isn't one: the Data carries an error that names it.
func FromImages(dir string, o ImageOptions) *Data {
	images, err := OpenImages(dir, o)
	if err != nil {
		return &Data{err: err}
	}
	return FromSource(images, images.Labels)
}

// OpenImages finds the pictures that [FromImages] would make data of, for programs that want their paths too, or other labels.
func OpenImages(dir string, o ImageOptions) (*Images, error) {
	if o.Width < 0 || o.Height < 0 {
		return nil, fmt.Errorf("mlx: images of %d × %d pixels", o.Width, o.Height)
	}
	if o.Width == 0 {
		o.Width = 224
	}
	if o.Height == 0 {
		o.Height = 224
	}
	s := &Images{o: o}
	labelled, loose := 0, ""
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && path != dir {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() || !slices.Contains(imageExtensions, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		s.Paths = append(s.Paths, path)
		inside, _ := filepath.Rel(dir, path)
		class, _, nested := strings.Cut(filepath.ToSlash(inside), "/")
		if nested {
			labelled++
		} else if loose == "" {
			loose = path
		}
		s.Labels = append(s.Labels, class)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mlx: images: %w", err)
	}
	switch {
	case len(s.Paths) == 0:
		return nil, fmt.Errorf("mlx: %s holds no pictures (%s)", dir, strings.Join(imageExtensions, ", "))
	case labelled == 0:
		s.Labels = nil
	case loose != "":
		return nil, fmt.Errorf("mlx: %s lies beside the folders of the classes; put it into one of them", loose)
	}
	return s, s.checkAll()
}

var imageExtensions = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// maxPixels is the size of a picture that is not read any more: a small file may claim to be an enormous picture.
const maxPixels = 200_000_000

// checkAll looks at the head of every file, so that a broken one is known before hours of training.
func (s *Images) checkAll() error {
	broken := make([]error, len(s.Paths))
	parallel(len(s.Paths), func(i int) error { broken[i] = checkImage(s.Paths[i]); return nil })
	var paths, labels []string
	for i, err := range broken {
		if err != nil {
			s.Broken = append(s.Broken, err)
			continue
		}
		paths = append(paths, s.Paths[i])
		if s.Labels != nil {
			labels = append(labels, s.Labels[i])
		}
	}
	switch {
	case len(s.Broken) == 0:
		return nil
	case len(paths) == 0:
		return fmt.Errorf("mlx: none of %d pictures can be read; the first: %w", len(s.Paths), s.Broken[0])
	case !s.o.SkipBroken:
		return fmt.Errorf("mlx: %d of %d pictures can't be read; the first: %w; ImageOptions.SkipBroken leaves such out", len(s.Broken), len(s.Paths), s.Broken[0])
	}
	s.Paths, s.Labels = paths, labels
	return nil
}

func checkImage(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(bufio.NewReader(f))
	switch {
	case errors.Is(err, image.ErrFormat):
		return fmt.Errorf("%s is not a picture", path)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height:
		return fmt.Errorf("%s claims to have %d × %d pixels", path, c.Width, c.Height)
	}
	return nil
}

// Len implements [Source].
func (s *Images) Len() int { return len(s.Paths) }

// Shape implements [Source]: height, width, channels.
func (s *Images) Shape() []int {
	if s.o.Gray {
		return []int{s.o.Height, s.o.Width, 1}
	}
	return []int{s.o.Height, s.o.Width, 3}
}

// canvases are pictures of the size, to draw into.
var canvases sync.Pool

// Read implements [Source]: it decodes a picture and brings it to size.
func (s *Images) Read(row int, x []float32) error {
	path := s.Paths[row]
	if err := checkImage(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	picture, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	size := image.Rect(0, 0, s.o.Width, s.o.Height)
	canvas, _ := canvases.Get().(*image.NRGBA)
	if canvas == nil || canvas.Rect != size {
		canvas = image.NewNRGBA(size)
	}
	defer canvases.Put(canvas)
	from := picture.Bounds()
	if !s.o.Stretch {
		from = middle(from, s.o.Width, s.o.Height)
	}
	draw.Draw(canvas, size, image.NewUniform(color.Black), image.Point{}, draw.Src) // what shines through is black
	draw.CatmullRom.Scale(canvas, size, picture, from, draw.Over, nil)
	for i := range s.o.Width * s.o.Height {
		p := canvas.Pix[i*4 : i*4+3]
		if s.o.Gray { // ITU-R BT.601, as image/color
			x[i] = (0.299*float32(p[0]) + 0.587*float32(p[1]) + 0.114*float32(p[2])) / 255
			continue
		}
		for c, v := range p {
			x[i*3+c] = float32(v) / 255
		}
	}
	return nil
}

// middle is the largest part in the middle of a picture that has the proportions of width and height.
func middle(r image.Rectangle, width, height int) image.Rectangle {
	w, h := r.Dx(), r.Dx()*height/width
	if h > r.Dy() {
		w, h = r.Dy()*width/height, r.Dy()
	}
	w, h = max(w, 1), max(h, 1)
	x, y := r.Min.X+(r.Dx()-w)/2, r.Min.Y+(r.Dy()-h)/2
	return image.Rect(x, y, x+w, y+h)
}
