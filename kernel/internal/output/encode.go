// Package output holds what happens to everything that a cell shows, whichever way it goes on from there (to a Jupyter
// client or into a notebook file): values are encoded as JSON can carry them, and floods of text are cut.
package output

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golab/kernel/nb"
)

// IsJSON reports whether content of the MIME type is JSON, which Jupyter embeds as it is instead of as a string.
func IsJSON(mime string) bool {
	mime, _, _ = strings.Cut(mime, ";")
	return mime == "application/json" || strings.HasPrefix(mime, "application/") && strings.HasSuffix(mime, "+json")
}

// IsText reports whether content of the MIME type is text, which notebook files keep line by line.
func IsText(mime string) bool {
	return strings.HasPrefix(mime, "text/") || mime == "application/javascript" || mime == "image/svg+xml"
}

// Encode makes b ready for JSON: each value becomes a string (text, or base64 for bytes of a binary type) or a
// json.RawMessage (JSON types). What cannot be encoded is left out, and text/plain says why unless it is taken.
// The result shares nothing with b.
func Encode(b nb.Bundle) map[string]any {
	encoded := make(map[string]any, len(b))
	var failed error
	for _, mime := range slices.Sorted(maps.Keys(b)) {
		v, err := encode(mime, b[mime])
		if err != nil {
			failed = fmt.Errorf("cannot show this as %s: %w", mime, err)
			continue
		}
		encoded[mime] = v
	}
	if _, taken := encoded["text/plain"]; failed != nil && !taken {
		encoded["text/plain"] = failed.Error()
	}
	return encoded
}

func encode(mime string, v any) (any, error) {
	if IsJSON(mime) {
		if raw, ok := v.([]byte); ok {
			v = json.RawMessage(raw)
		}
		return Marshal(v)
	}
	switch v := v.(type) {
	case string:
		return strings.ToValidUTF8(v, "\uFFFD"), nil
	case []byte:
		if IsText(mime) {
			return strings.ToValidUTF8(string(v), "\uFFFD"), nil
		}
		return base64.StdEncoding.EncodeToString(v), nil
	case fmt.Stringer:
		return strings.ToValidUTF8(v.String(), "\uFFFD"), nil
	default:
		return Marshal(v) // types of private MIME names may hold any JSON
	}
}

// EncodeMetadata makes the metadata of an output ready for JSON; metadata that JSON cannot hold is dropped.
func EncodeMetadata(m map[string]any) json.RawMessage {
	if len(m) == 0 {
		return json.RawMessage("{}")
	}
	raw, err := Marshal(m)
	if err != nil {
		return json.RawMessage("{}")
	}
	return raw
}

// Marshal is json.Marshal without the escapes meant for JSON inside of HTML, which make text unreadable and longer.
func Marshal(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
