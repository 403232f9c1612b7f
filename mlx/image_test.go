package mlx_test

import (
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golab/mlx"
	"golab/mlx/layers"
)

// pictures makes a folder of classes red and green, of several formats and sizes.
func pictures(t testing.TB) string {
	dir := t.TempDir()
	for i := range 24 {
		class, c := "red", color.NRGBA{255, uint8(5 * i), 0, 255}
		if i%2 == 1 {
			class, c = "green", color.NRGBA{uint8(5 * i), 255, 0, 255}
		}
		p := image.NewNRGBA(image.Rect(0, 0, 10+i, 30-i))
		for j := 0; j < len(p.Pix); j += 4 {
			copy(p.Pix[j:], []uint8{c.R, c.G, c.B, c.A})
		}
		folder := filepath.Join(dir, class, "more")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%02d.%s", i, []string{"png", "jpg", "GIF"}[i%3])))
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			err = png.Encode(f, p)
		case 1:
			err = jpeg.Encode(f, p, nil)
		case 2:
			err = gif.Encode(f, p, nil)
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFromImages(t *testing.T) {
	dir := pictures(t)
	data := mlx.FromImages(dir, mlx.ImageOptions{Width: 8, Height: 6})
	if got := data.String(); got != "24 examples of shape [6 8 3], 2 classes" {
		t.Fatal(got)
	}
	mlx.OnEach(t, func(t *testing.T) {
		m := mlx.Sequential(layers.GlobalAveragePool(), mlx.Dense(2))
		fit(t, m, data.InMemory(), mlx.FitOptions{Epochs: 60, LearningRate: 0.1})
		if e, err := mlx.Evaluate(m, data); err != nil || e.Accuracy != 1 {
			t.Errorf("%v, %v", e, err)
		}
	})
	s, err := mlx.OpenImages(dir, mlx.ImageOptions{Width: 8, Height: 6, Gray: true})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 8*6)
	if err := s.Read(0, x); err != nil || filepath.Base(s.Paths[0]) != "01.jpg" {
		t.Fatal(err, s.Paths[0])
	}
	if want := (0.299*5 + 0.587*255) / 255; math.Abs(float64(x[20])-want) > 0.03 {
		t.Errorf("the first green picture is %v bright, expected %v", x[20], want)
	}
	if s.Labels[0] != "green" || s.Labels[23] != "red" {
		t.Errorf("labels %v", s.Labels)
	}

	broken := filepath.Join(dir, "red", "broken.png")
	if err := os.WriteFile(broken, []byte("not a picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := mlx.FromImages(dir, mlx.ImageOptions{}).Err(); err == nil || !strings.Contains(err.Error(), "broken.png is not a picture") || !strings.Contains(err.Error(), "1 of 25") {
		t.Errorf("error %v", err)
	}
	if s, err := mlx.OpenImages(dir, mlx.ImageOptions{SkipBroken: true}); err != nil || len(s.Paths) != 24 || len(s.Broken) != 1 {
		t.Errorf("%v, %v", s, err)
	}
	// A small file that claims to be enormous: the size in a PNG's head.
	bomb, err := os.ReadFile(filepath.Join(dir, "red", "more", "00.png"))
	if err != nil {
		t.Fatal(err)
	}
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0})
	if err := os.WriteFile(broken, bomb, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := mlx.FromImages(dir, mlx.ImageOptions{}).Err(); err == nil || !strings.Contains(err.Error(), "broken.png") {
		t.Errorf("error %v", err)
	}
	os.Remove(broken)
	if err := os.WriteFile(filepath.Join(dir, "loose.png"), bomb, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := mlx.FromImages(dir, mlx.ImageOptions{}).Err(); err == nil || !strings.Contains(err.Error(), "loose.png lies beside the folders") {
		t.Errorf("error %v", err)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(dir, "nowhere")} {
		if err := mlx.FromImages(dir, mlx.ImageOptions{}).Err(); err == nil {
			t.Errorf("%s: no error", dir)
		}
	}
	// A file that disappears before it is read.
	gone := mlx.FromImages(filepath.Join(dir, "red"), mlx.ImageOptions{Width: 4, Height: 4})
	if err := os.RemoveAll(filepath.Join(dir, "red")); err != nil {
		t.Fatal(err)
	}
	if err := gone.InMemory().Err(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
}

// letters is a tokenizer of small letters.
type letters struct{}

func (letters) Pad() int { return 0 }
func (letters) Encode(text string) (ids []int) {
	for _, r := range text {
		if r >= 'a' && r <= 'z' {
			ids = append(ids, int(r-'a')+1)
		}
	}
	return ids
}

type negative struct{ letters }

func (negative) Encode(string) []int { return []int{1, -1} }

func TestFromTexts(t *testing.T) {
	data := mlx.FromTexts([]string{"abc", "…", "zz"}, []string{"x", "y", "x"}, letters{})
	if got := data.String(); got != "3 examples of shape [3], 2 classes" {
		t.Error(got)
	}
	m := mlx.Sequential(layers.Embedding(27, 4).Padding(0), layers.GlobalAveragePool(), mlx.Dense(2))
	fit(t, m, data, mlx.FitOptions{Epochs: 2})
	for _, c := range []struct {
		d    *mlx.Data
		want string
	}{
		{mlx.FromTexts([]string{"a"}, []int{1}, nil), "tokenizer is nil"},
		{mlx.FromTexts(nil, []int{1}, letters{}), "no texts"},
		{mlx.FromTexts([]string{"a"}, []int{1}, negative{}), "gives text 0 the id -1 at place 1"},
		{mlx.FromTexts([]string{"a"}, []int{1, 2}, letters{}), "1 rows of inputs, but 2 labels"},
	} {
		if err := c.d.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, expected %s", err, c.want)
		}
	}
}

func ExampleFromImages() {
	data := mlx.FromImages("no such folder", mlx.ImageOptions{Width: 64, Height: 64})
	fmt.Println(data.Err() != nil)
	// Output: true
}

func ExampleFromTexts() {
	data := mlx.FromTexts([]string{"good", "very bad"}, []string{"+", "-"}, letters{})
	fmt.Println(data)
	// Output: 2 examples of shape [7], 2 classes
}
