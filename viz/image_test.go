package viz

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

func rows(n, pixels int) [][]float32 {
	out := make([][]float32, n)
	for i := range out {
		for p := range pixels {
			out[i] = append(out[i], float32(i*p%17))
		}
	}
	return out
}

func TestImage(t *testing.T) {
	img := image.NewGray(image.Rect(3, 3, 11, 11))
	img.SetGray(5, 4, color.Gray{200})
	b := bundle(img)
	back, err := png.Decode(bytes.NewReader(b[mimePNG].([]byte)))
	if err != nil {
		t.Fatal(err)
	}
	if size := back.Bounds().Size(); size != image.Pt(128, 128) {
		t.Errorf("magnified to %v", size)
	}
	if r, _, _, _ := back.At(2*16+8, 16+8).RGBA(); r>>8 != 200 {
		t.Errorf("pixel is %d", r>>8)
	}
	if got := b[mimeText]; got != "Image 8 × 8 pixels (*image.Gray)" {
		t.Error(got)
	}
	var none *image.Gray
	for want, v := range map[string]image.Image{"<nil>": none, "Image 0 × 0": image.NewGray(image.Rectangle{}), "too large": image.NewUniform(color.White)} {
		if got := text(t, v); !strings.Contains(got, want) {
			t.Errorf("%T: %s", v, got)
		}
	}
}

func TestImages(t *testing.T) {
	g := Images(rows(12, 64), Names("0", "<b>"), Columns(6))
	b := g.MIMEBundle()
	html := b[mimeHTML].(string)
	for part, n := range map[string]int{"<img ": 12, "repeat(6,": 1, "&lt;b&gt;</figcaption>": 1, "<b>": 0, "pixelated": 12, "width:72px;height:72px": 12} {
		if got := strings.Count(html, part); got != n {
			t.Errorf("%q %d times, want %d", part, got, n)
		}
	}
	montage, err := png.Decode(bytes.NewReader(b[mimePNG].([]byte)))
	if err != nil {
		t.Fatal(err)
	}
	if size := montage.Bounds().Size(); size != image.Pt(6*80-8, 2*80-8) {
		t.Errorf("montage of %v", size)
	}
	for name, g := range map[string]*Grid{
		"many":     Images(rows(1797, 64)),
		"tall":     Images(rows(2, 12), Pixels(6, 2)),
		"tensor":   Images(tensors.FromValue([][][]float32{{{1, 2}, {3, 4}}})),
		"colours":  Images(tensors.FromFlatDataAndDimensions(make([]uint8, 2*4*4*3), 2, 4, 4, 3)),
		"one":      Images(image.NewGray(image.Rect(0, 0, 500, 20))),
		"pointers": Images([]*image.Gray{image.NewGray(image.Rect(0, 0, 2, 2))}),
		"constant": Images([][]float64{{1, 1, 1, 1}}),
	} {
		if err := g.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b := g.MIMEBundle(); b[mimeHTML] == nil || b[mimePNG] == nil {
			t.Errorf("%s: %v", name, b)
		}
	}
	if s := Images(rows(1797, 64)).MIMEBundle()[mimeHTML].(string); !strings.Contains(s, "100 of 1,797 images") {
		t.Error("no note")
	}
}

func TestImagesBad(t *testing.T) {
	var none *image.Gray
	for name, g := range map[string]*Grid{
		"nil":        Images(nil),
		"empty":      Images([]image.Image{}),
		"nil image":  Images([]image.Image{nil}),
		"typed nil":  Images([]image.Image{none}),
		"no square":  Images(rows(2, 10)),
		"pixels":     Images(rows(2, 64), Pixels(3, 3)),
		"negative":   Images(rows(2, 64), Pixels(-8, -8)),
		"text":       Images("x"),
		"captions":   Images(rows(2, 64), Names("a", "b", "c")),
		"endless":    Images(image.NewUniform(color.White)),
		"vector":     Images(tensors.FromValue([]float32{1})),
		"no pixels":  Images([][]float32{{}}),
		"not at all": Images([]image.Image{image.NewGray(image.Rectangle{})}),
	} {
		if g.Err() == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got := text(t, g); got != g.Err().Error() {
			t.Errorf("%s: %s", name, got)
		}
		t.Log(g.Err())
	}
}
