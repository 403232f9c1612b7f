package jupytertest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Validate checks a message of a kernel against the messaging specification: its header, that it answers something where
// it must, and the fields of its type. Unknown types are an error.
func Validate(m Message) error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("%s: %w (content %v)", m.Type, err, m.Content)
	}
	return nil
}

func (m Message) validate() error {
	if err := headerFields.check(m.Header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if _, err := time.Parse(time.RFC3339, m.Header["date"].(string)); err != nil {
		return fmt.Errorf("header: date: %w", err)
	}
	switch {
	case len(m.Parent) > 0:
		if err := headerFields.check(m.Parent); err != nil {
			return fmt.Errorf("parent header: %w", err)
		}
	case m.Type == "iopub_welcome", m.Type == "status" && m.Text("execution_state") == "starting":
	default:
		return fmt.Errorf("no parent header")
	}
	if strings.HasSuffix(m.Type, "_reply") {
		switch m.Text("status") {
		case "ok":
		case "error":
			return errorFields.check(m.Content)
		case "aborted":
			return nil
		default:
			if m.Type != "is_complete_reply" {
				return fmt.Errorf("status %v", m.Content["status"])
			}
		}
	}
	fields, known := contents[m.Type]
	if !known {
		return fmt.Errorf("unknown message type")
	}
	return fields.check(m.Content)
}

// fields says what an object must hold; a name that ends in "?" may be absent.
type fields map[string]func(any) error

func (f fields) check(v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%T is no object", v)
	}
	for name, check := range f {
		name, optional := strings.CutSuffix(name, "?")
		value, ok := object[name]
		switch {
		case !ok && optional:
		case !ok:
			return fmt.Errorf("no %s", name)
		default:
			if err := check(value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

var (
	headerFields = fields{"msg_id": name, "session": name, "username": text, "date": name, "msg_type": name, "version": name}
	errorFields  = fields{"ename": name, "evalue": text, "traceback": list(text)}
	displayData  = fields{"data": bundle, "metadata": object, "transient?": object}
)

// contents is the content of each message type that a kernel sends.
var contents = map[string]fields{
	"kernel_info_reply": {
		"status": text, "protocol_version": name, "implementation": name, "implementation_version": name, "banner": text,
		"language_info": fields{
			"name": name, "version": name, "mimetype": name, "file_extension": name,
			"pygments_lexer?": text, "codemirror_mode?": text, "nbconvert_exporter?": text,
		}.check,
		"help_links?":         list(fields{"text": text, "url": name}.check),
		"supported_features?": list(text), "debugger?": boolean,
	},
	"execute_reply":     {"status": text, "execution_count": integer, "user_expressions": object, "payload?": list(object)},
	"is_complete_reply": {"status": oneOf("complete", "incomplete", "invalid", "unknown"), "indent?": text},
	"complete_reply":    {"status": text, "matches": list(text), "cursor_start": integer, "cursor_end": integer, "metadata": object},
	"inspect_reply":     {"status": text, "found": boolean, "data": bundle, "metadata": object},
	"history_reply":     {"status": text, "history": list(historyLine)},
	"comm_info_reply":   {"status": text, "comms": object},
	"shutdown_reply":    {"status": text, "restart": boolean},
	"interrupt_reply":   {"status": text},

	"status":              {"execution_state": oneOf("busy", "idle", "starting")},
	"execute_input":       {"code": text, "execution_count": integer},
	"stream":              {"name": oneOf("stdout", "stderr"), "text": name},
	"display_data":        displayData,
	"update_display_data": {"data": bundle, "metadata": object, "transient": fields{"display_id": name}.check},
	"execute_result":      {"data": bundle, "metadata": object, "execution_count": integer},
	"error":               errorFields,
	"clear_output":        {"wait": boolean},
	"comm_open":           {"comm_id": name, "target_name": name, "data": object},
	"comm_msg":            {"comm_id": name, "data": object},
	"comm_close":          {"comm_id": name, "data": object},
	"input_request":       {"prompt": text, "password": boolean},
	"iopub_welcome":       {"subscription": text},
}

func text(v any) error {
	if _, ok := v.(string); !ok {
		return fmt.Errorf("%T is no string", v)
	}
	return nil
}

// name is a string that is not empty.
func name(v any) error {
	if v == "" {
		return fmt.Errorf("empty")
	}
	return text(v)
}

func integer(v any) error {
	if n, ok := v.(float64); !ok || n != math.Trunc(n) || n < 0 {
		return fmt.Errorf("%v is no count", v)
	}
	return nil
}

func boolean(v any) error {
	if _, ok := v.(bool); !ok {
		return fmt.Errorf("%T is no boolean", v)
	}
	return nil
}

func object(v any) error { return fields{}.check(v) }

func oneOf(values ...string) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			return fmt.Errorf("%v is none of %q", v, values)
		}
		return nil
	}
}

func list(element func(any) error) func(any) error {
	return func(v any) error {
		elements, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%T is no list", v)
		}
		for i, e := range elements {
			if err := element(e); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	}
}

// bundle is a MIME bundle: types that are not JSON hold strings.
func bundle(v any) error {
	if err := object(v); err != nil {
		return err
	}
	for mime, content := range v.(map[string]any) {
		if !strings.Contains(mime, "/") {
			return fmt.Errorf("%q is no MIME type", mime)
		}
		if strings.HasSuffix(mime, "json") {
			continue
		}
		if err := text(content); err != nil {
			return fmt.Errorf("%s: %w", mime, err)
		}
	}
	return nil
}

// historyLine is (session, line, input) or (session, line, (input, output)).
func historyLine(v any) error {
	line, ok := v.([]any)
	if !ok || len(line) != 3 {
		return fmt.Errorf("%v is no line of history", v)
	}
	if pair, ok := line[2].([]any); ok {
		if len(pair) != 2 || text(pair[0]) != nil {
			return fmt.Errorf("%v is no input with its output", line[2])
		}
		return nil
	}
	return text(line[2])
}
