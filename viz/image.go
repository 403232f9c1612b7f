package viz

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"reflect"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"golab/kernel/nb"
)

func init() { nb.RegisterRenderer(renderImage) }

const (
	smallImage = 128     // smaller ones are magnified to about this
	tileSide   = 72      // about how large an image of a grid is
	gridImages = 100     // of a grid are shown
	mostPixels = 1 << 26 // of an image that is displayed
)

// renderImage shows images as PNG; small ones are magnified, each pixel a square.
func renderImage(v any) nb.Bundle {
	img, ok := v.(image.Image)
	if !ok {
		return nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil
	}
	return guard(v, func() nb.Bundle {
		size := img.Bounds().Size()
		text := fmt.Sprintf("Image %d × %d pixels (%T)", size.X, size.Y, v)
		if size.X <= 0 || size.Y <= 0 {
			return nb.Bundle{mimeText: text}
		}
		if size.X > mostPixels/size.Y {
			return failure(fmt.Errorf("%s: too large to display", text))
		}
		data, err := encode(magnify(img, max(1, smallImage/max(size.X, size.Y))))
		if err != nil {
			return failure(err)
		}
		return nb.Bundle{mimePNG: data, mimeText: text}
	})
}

// Grid is a display of several images; Err says why there is none.
type Grid struct {
	images []image.Image
	names  []string
	cols   int
	total  int
	err    error
}

// Images shows images side by side: a slice of image.Image, rows of numbers that are one image each (with [Pixels], or
// square), a tensor of shape [images, height, width] or [images, height, width, channels], or one image. [Names] are the
// captions, [Columns] says how many stand in a row. Numbers run from black, the least, to white, the greatest.
func Images(images any, options ...Option) *Grid {
	s := apply(options)
	g, err := s.images(images)
	if err != nil {
		return &Grid{err: fmt.Errorf("viz.Images: %w", err)}
	}
	return g
}

// Err says why the grid shows no images.
func (g *Grid) Err() error { return g.err }

func (s settings) images(v any) (g *Grid, err error) {
	defer func() {
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("reading a %T: %v", v, p)
		}
	}()
	g = &Grid{names: s.names, cols: s.columns}
	switch v := v.(type) {
	case image.Image:
		g.images = []image.Image{v}
	case []image.Image:
		g.images = v
	case *tensors.Tensor:
		if g.images, g.total, err = tensorImages(v); err != nil {
			return nil, err
		}
	default:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice && rv.Len() > 0 {
			if _, ok := rv.Index(0).Interface().(image.Image); ok { // []*image.Gray and the like
				for i := range rv.Len() {
					g.images = append(g.images, rv.Index(i).Interface().(image.Image))
				}
				break
			}
		}
		rows, err := matrixOf(v)
		if err != nil {
			return nil, err
		}
		g.total = len(rows)
		if g.images, err = s.rowImages(rows[:min(len(rows), gridImages)]); err != nil {
			return nil, err
		}
	}
	g.total = max(g.total, len(g.images))
	if g.total == 0 {
		return nil, errors.New("there are no images")
	}
	if len(g.names) > g.total {
		return nil, fmt.Errorf("%d captions for %d images", len(g.names), g.total)
	}
	g.images = g.images[:min(len(g.images), gridImages)]
	for i, img := range g.images {
		if img == nil || reflect.ValueOf(img).Kind() == reflect.Pointer && reflect.ValueOf(img).IsNil() {
			return nil, fmt.Errorf("image %d is nil", i)
		}
		if size := img.Bounds().Size(); size.X <= 0 || size.Y <= 0 || size.X > mostPixels/size.Y {
			return nil, fmt.Errorf("image %d is %d × %d pixels", i, size.X, size.Y)
		}
	}
	return g, nil
}

// rowImages makes a grey image of each row.
func (s settings) rowImages(rows [][]float64) ([]image.Image, error) {
	h, w := s.pixelH, s.pixelW
	if h == 0 && w == 0 && len(rows) > 0 {
		h = int(math.Sqrt(float64(len(rows[0]))) + 0.5)
		w = h
	}
	low, high, ok := extent(rows...)
	if !ok {
		return nil, errors.New("there are no numbers")
	}
	var out []image.Image
	for i, row := range rows {
		if h <= 0 || w <= 0 || len(row) != h*w {
			return nil, fmt.Errorf("row %d has %d values, which is not %d × %d: give viz.Pixels(height, width)", i, len(row), h, w)
		}
		img := image.NewGray(image.Rect(0, 0, w, h))
		for k, v := range row {
			img.Pix[k] = level(v, low, high)
		}
		out = append(out, img)
	}
	return out, nil
}

func level(v, low, high float64) uint8 {
	if !finite(v) || high <= low {
		return 0
	}
	return uint8(math.Round(255 * (v - low) / (high - low)))
}

func tensorImages(t *tensors.Tensor) (images []image.Image, total int, err error) {
	if t == nil {
		return nil, 0, errors.New("the tensor is nil")
	}
	dims := t.Shape().Dimensions
	channels := 1
	switch {
	case len(dims) == 2:
		dims = []int{1, dims[0], dims[1]}
	case len(dims) == 4 && (dims[3] == 1 || dims[3] == 3 || dims[3] == 4):
		channels = dims[3]
	case len(dims) != 3:
		return nil, 0, fmt.Errorf("a tensor of shape %s holds no images: [images, height, width] and [images, height, width, 1, 3 or 4] do", t.Shape())
	}
	n, h, w := min(dims[0], gridImages), dims[1], dims[2]
	values := make([]float64, n*h*w*channels)
	err = readTensor(t, func(at func(int) reflect.Value) {
		for i := range values {
			v := at(i)
			f, ok := float(v)
			if !ok {
				f = number(v)
			}
			values[i] = f
		}
	})
	if err != nil {
		return nil, 0, err
	}
	low, high, _ := extent(values)
	for i := range n {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for p := range h * w {
			px := values[(i*h*w+p)*channels:]
			c := color.NRGBA{A: 255}
			c.R = level(px[0], low, high)
			c.G, c.B = c.R, c.R
			if channels > 1 {
				c.G, c.B = level(px[1], low, high), level(px[2], low, high)
			}
			if channels == 4 {
				c.A = level(px[3], low, high)
			}
			img.SetNRGBA(p%w, p/w, c)
		}
		images = append(images, img)
	}
	return images, dims[0], nil
}

// MIMEBundle implements the notebook's display: images with captions as HTML, and one PNG of them all for where there is
// no HTML.
func (g *Grid) MIMEBundle() map[string]any {
	if g == nil {
		return failure(errors.New("viz: the grid of images is nil"))
	}
	if g.err != nil {
		return failure(g.err)
	}
	return guard(g, g.bundle)
}

func (g *Grid) columns() int {
	if g.cols > 0 {
		return g.cols
	}
	return min(len(g.images), 10)
}

func (g *Grid) bundle() nb.Bundle {
	text := g.String()
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="display:grid;grid-template-columns:repeat(%d,max-content);gap:8px;max-width:100%%;overflow-x:auto">`, g.columns())
	for i, img := range g.images {
		size := img.Bounds().Size()
		k := scale(size)
		crisp := ""
		if k > 1 {
			crisp = "image-rendering:pixelated;"
		}
		data, err := encode(magnify(img, int(k))) // crisp also where a page's sanitizer drops the style
		if err != nil {
			return failure(err)
		}
		caption := ""
		if i < len(g.names) {
			caption = g.names[i]
		}
		fmt.Fprintf(&b, `<figure style="margin:0;text-align:center"><img alt="%s" style="%smargin:0;width:%.0fpx;height:%.0fpx" src="data:image/png;base64,%s">`,
			html.EscapeString(caption), crisp, max(1, k*float64(size.X)), max(1, k*float64(size.Y)), base64.StdEncoding.EncodeToString(data))
		if caption != "" {
			fmt.Fprintf(&b, `<figcaption style="font-size:90%%">%s</figcaption>`, html.EscapeString(caption))
		}
		b.WriteString("</figure>")
	}
	b.WriteString("</div>")
	if g.total > len(g.images) {
		fmt.Fprintf(&b, `<div style="opacity:.7;font-size:90%%">%d of %s images</div>`, len(g.images), grouped(g.total))
	}
	out := nb.Bundle{mimeHTML: b.String(), mimeText: text}
	if data, err := encode(g.montage()); err == nil {
		out[mimePNG] = data
	}
	return out
}

// String says how many images of which size there are.
func (g *Grid) String() string {
	if g.err != nil {
		return g.err.Error()
	}
	size := g.images[0].Bounds().Size()
	text := fmt.Sprintf("%s images, the first %d × %d pixels", grouped(g.total), size.X, size.Y)
	if len(g.names) > 0 {
		text += ": " + strings.Join(g.names[:min(len(g.names), 20)], ", ")
	}
	return text
}

// scale is how much an image of a grid is magnified: by a whole number if it is small, down to the tile if it is large.
func scale(size image.Point) float64 {
	side := max(size.X, size.Y)
	if k := tileSide / side; k > 1 {
		return float64(k)
	}
	return min(1, 3*tileSide/float64(side))
}

func (g *Grid) montage() image.Image {
	cols := g.columns()
	rows := (len(g.images) + cols - 1) / cols
	const side, gap = tileSide, 8
	out := image.NewNRGBA(image.Rect(0, 0, min(cols, len(g.images))*(side+gap)-gap, rows*(side+gap)-gap))
	for i, img := range g.images {
		at := image.Pt(i%cols*(side+gap), i/cols*(side+gap))
		size := img.Bounds().Size()
		k := float64(side) / float64(max(size.X, size.Y))
		for y := range int(k * float64(size.Y)) {
			for x := range int(k * float64(size.X)) {
				from := img.Bounds().Min.Add(image.Pt(int(float64(x)/k), int(float64(y)/k)))
				out.Set(at.X+x, at.Y+y, img.At(from.X, from.Y))
			}
		}
	}
	return out
}

// magnify repeats each pixel k by k times.
func magnify(img image.Image, k int) image.Image {
	if k <= 1 {
		return img
	}
	b := img.Bounds()
	var out draw.Image = image.NewNRGBA(image.Rect(0, 0, k*b.Dx(), k*b.Dy()))
	if _, grey := img.(*image.Gray); grey {
		out = image.NewGray(out.Bounds())
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			r := image.Rect(k*x, k*y, k*x+k, k*y+k)
			draw.Draw(out, r, image.NewUniform(img.At(b.Min.X+x, b.Min.Y+y)), image.Point{}, draw.Src)
		}
	}
	return out
}

func encode(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("encoding the image: %w", err)
	}
	return b.Bytes(), nil
}
