package widgets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"time"
)

// Image shows an image.
type Image struct {
	*model
	value  *prop[[]byte]
	format *prop[string]
}

// NewImage shows img.
func NewImage(img image.Image, options ...Option) (*Image, error) {
	data, err := encode(img)
	if err != nil {
		return nil, err
	}
	return NewImageFile(data, "png", options...), nil
}

// NewImageFile shows an image that is encoded in a format: "png", "jpeg", "gif", "svg+xml" or another that browsers know.
func NewImageFile(data []byte, format string, options ...Option) *Image {
	m := newModel("Image", "ImageView", "")
	texts(m, "width", "height")
	i := &Image{m, newProp(m, "value", data), newProp(m, "format", format)}
	refuse := func(json.RawMessage) ([]byte, error) { return nil, errors.New("the program sets the image") }
	i.value.in = refuse
	m.open(options)
	return i
}

func encode(img image.Image) ([]byte, error) {
	if img == nil {
		return nil, errors.New("there is no image to show")
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("the image can't be shown: %w", err)
	}
	return b.Bytes(), nil
}

// SetImage shows another image.
func (i *Image) SetImage(img image.Image) error {
	data, err := encode(img)
	if err == nil {
		i.SetFile(data, "png")
	}
	return err
}

// SetFile shows another image that is encoded.
func (i *Image) SetFile(data []byte, format string) {
	i.change(func() {
		i.value.put(data)
		i.format.put(format)
	})
}

// DatePicker is a field for a day.
type DatePicker struct {
	holder[time.Time]
	min, max *prop[time.Time]
}

// day is a date as the protocol has it; its months begin at 0.
type day struct {
	Year  int `json:"year"`
	Month int `json:"month"`
	Date  int `json:"date"`
}

// NewDatePicker makes a field that holds the day of a time, or none if that is zero. Its value is the beginning of the day, in
// UTC.
func NewDatePicker(value time.Time, options ...Option) *DatePicker {
	m := newModel("DatePicker", "DatePickerView", "DescriptionStyle")
	described(m)
	numberProp(m, "step", 1)
	p := &DatePicker{holder[time.Time]{m, dateProp(m, "value")}, dateProp(m, "min"), dateProp(m, "max")}
	p.value.put(value)
	m.open(options)
	return p
}

// SetLimits sets the first and the last day that the page offers; zero times set no limit.
func (p *DatePicker) SetLimits(first, last time.Time) {
	p.change(func() {
		p.min.put(first)
		p.max.put(last)
	})
}

// dateProp adds a trait that is a day, or null, which is written as the zero time.
func dateProp(m *model, name string) *prop[time.Time] {
	p := newProp(m, name, time.Time{})
	p.fix = func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		y, mon, d := t.Date()
		return time.Date(y, mon, d, 0, 0, 0, 0, time.UTC)
	}
	p.out = func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return day{t.Year(), int(t.Month()) - 1, t.Day()}
	}
	p.in = func(raw json.RawMessage) (time.Time, error) {
		var d *day
		if err := json.Unmarshal(raw, &d); err != nil || d == nil {
			return time.Time{}, err
		}
		t := time.Date(d.Year, time.Month(d.Month+1), d.Date, 0, 0, 0, 0, time.UTC)
		if t.Year() != d.Year || int(t.Month()) != d.Month+1 || t.Day() != d.Date {
			return t, fmt.Errorf("there is no day %+v", *d)
		}
		return t, nil
	}
	return p
}

// ColorPicker is a field for a colour: a name of CSS, or "#rrggbb".
type ColorPicker struct{ holder[string] }

// NewColorPicker makes a field.
func NewColorPicker(value string, options ...Option) *ColorPicker {
	m := newModel("ColorPicker", "ColorPickerView", "DescriptionStyle")
	described(m)
	lies(m, "concise")
	c := &ColorPicker{holder[string]{m, newProp(m, "value", value)}}
	m.open(options)
	return c
}

// File is one that was uploaded.
type File struct {
	Name     string
	Type     string // MIME type
	Size     int64
	Modified time.Time
	Content  []byte
}

// FileUpload is a button with which people give files to the program.
type FileUpload struct {
	*model
	value *prop[[]File]
}

// NewFileUpload makes a button; [Accept] and [Multiple] say what it takes.
func NewFileUpload(options ...Option) *FileUpload {
	m := newModel("FileUpload", "FileUploadView", "ButtonStyle")
	described(m)
	with("description", "Upload").apply(m)
	newProp(m, "icon", "upload")
	texts(m, "accept", "button_style", "error")
	lies(m, "multiple")
	u := &FileUpload{m, newProp(m, "value", []File{})}
	type file struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Size     int64  `json:"size"`
		Modified int64  `json:"last_modified"` // milliseconds
		Content  []byte `json:"content"`
	}
	u.value.silent = true // clients know what they sent, and it may be large
	u.value.in = func(raw json.RawMessage) ([]File, error) {
		var list []file
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		files := []File{}
		for _, f := range list {
			files = append(files, File{f.Name, f.Type, f.Size, time.UnixMilli(f.Modified), f.Content})
		}
		return files, nil
	}
	u.value.out = func(files []File) any {
		list := []any{}
		for _, f := range files {
			list = append(list, map[string]any{"name": f.Name, "type": f.Type, "size": f.Size, "last_modified": f.Modified.UnixMilli(), "content": f.Content})
		}
		return list
	}
	m.open(options)
	return u
}

// Files are those that were uploaded last.
func (u *FileUpload) Files() []File { return u.value.get() }

// OnUpload has f called when files were uploaded.
func (u *FileUpload) OnUpload(f func(files []File)) {
	u.value.observe(func(_, files []File) { f(files) })
}

// JSLink keeps a trait of one widget and a trait of another the same, in the page: no callback runs, and no kernel is needed.
// Traits have the names that ipywidgets gives them: "value", "max", "disabled", "description".
func JSLink(a Widget, trait string, b Widget, other string) (unlink func()) {
	return link("Link", a, trait, b, other)
}

// JSDLink is JSLink in one direction, from a to b.
func JSDLink(a Widget, trait string, b Widget, other string) (unlink func()) {
	return link("DirectionalLink", a, trait, b, other)
}

func link(name string, a Widget, one string, b Widget, other string) func() {
	m := &model{name: name, traits: map[string]trait{}, static: map[string]any{
		"_model_module": controls, "_model_module_version": controlsVersion, "_model_name": name + "Model",
		"_view_module": controls, "_view_module_version": controlsVersion, "_view_name": nil, "_view_count": nil,
		"source": []any{a.self().reference(), one}, "target": []any{b.self().reference(), other},
	}}
	m.open(nil)
	return m.Close
}
