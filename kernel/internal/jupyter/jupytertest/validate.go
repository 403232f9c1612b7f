package jupytertest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Validate checks a message of a kernel against the messaging specification: that it came on its channel, its header, that
// it answers something where it must, and the fields of its type. Unknown types are an error.
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
	if m.Header["version"] != "5.5" {
		return fmt.Errorf("header: version %v", m.Header["version"])
	}
	fields, known := contents[m.Type]
	if !known {
		return fmt.Errorf("unknown message type")
	}
	if !slices.Contains(channels(m.Type), m.Channel) {
		return fmt.Errorf("came on %s", m.Channel)
	}
	if len(m.Buffers) > 0 && (!strings.HasPrefix(m.Type, "comm_") || strings.HasSuffix(m.Type, "_reply")) {
		return fmt.Errorf("%d buffers", len(m.Buffers))
	}
	welcome := m.Type == "iopub_welcome" || m.Type == "status" && m.Text("execution_state") == "starting"
	switch {
	case welcome && len(m.Parent) > 0:
		return fmt.Errorf("has a parent header")
	case welcome:
	case len(m.Parent) == 0:
		return fmt.Errorf("no parent header")
	default:
		if err := requestFields.check(m.Parent); err != nil {
			return fmt.Errorf("parent header: %w", err)
		}
	}
	if request, isReply := strings.CutSuffix(m.Type, "_reply"); isReply {
		if of := request + "_request"; m.Parent["msg_type"] != of {
			return fmt.Errorf("answers a %v", m.Parent["msg_type"])
		}
		switch m.Text("status") {
		case "ok":
		case "error":
			if m.Type == "execute_reply" {
				if err := integer(m.Content["execution_count"]); err != nil {
					return fmt.Errorf("execution_count: %w", err)
				}
			}
			return errorFields.check(m.Content)
		case "aborted":
			if m.Type != "execute_reply" {
				return fmt.Errorf("aborted")
			}
			return nil
		default:
			if m.Type != "is_complete_reply" && m.Type != "debug_reply" {
				return fmt.Errorf("status %v", m.Content["status"])
			}
		}
	}
	if err := fields.check(m.Content); err != nil {
		return err
	}
	if more := consistent[m.Type]; more != nil {
		return more(m)
	}
	return nil
}

// channels are those on which a kernel may send a type.
func channels(typ string) []string {
	switch {
	case typ == "input_request":
		return []string{"stdin"}
	case typ == "shutdown_reply": // all clients are told
		return []string{"shell", "control", "iopub"}
	case typ == "debug_reply", typ == "usage_reply", strings.HasSuffix(typ, "_subshell_reply"):
		return []string{"control"}
	case strings.HasSuffix(typ, "_reply"):
		return []string{"shell", "control"}
	default:
		return []string{"iopub"}
	}
}

// consistent is what the fields of a type must have to do with each other, and with the request.
var consistent = map[string]func(Message) error{
	"kernel_info_reply": func(m Message) error {
		debugger, _ := m.Content["debugger"].(bool)
		features, _ := m.Content["supported_features"].([]any)
		if debugger != slices.Contains(features, any("debugger")) {
			return fmt.Errorf("debugger is %v, and among the features %v", debugger, features)
		}
		return nil
	},
	"is_complete_reply": func(m Message) error {
		if _, ok := m.Content["indent"]; ok != (m.Text("status") == "incomplete") {
			return fmt.Errorf("indent of status %s", m.Text("status"))
		}
		return nil
	},
	"complete_reply": func(m Message) error {
		start, end := m.Content["cursor_start"].(float64), m.Content["cursor_end"].(float64)
		if start > end {
			return fmt.Errorf("from %v to %v", start, end)
		}
		types, ok := m.Content["metadata"].(map[string]any)["_jupyter_types_experimental"].([]any)
		if matches := m.Content["matches"].([]any); ok && len(types) != len(matches) {
			return fmt.Errorf("%d types of %d matches", len(types), len(matches))
		}
		for i, t := range types {
			err := fields{"text": text, "type": text, "start": integer, "end": integer, "signature?": text}.check(t)
			if err == nil && t.(map[string]any)["text"] != m.Content["matches"].([]any)[i] {
				err = fmt.Errorf("is of another match")
			}
			if err != nil {
				return fmt.Errorf("type %d: %w", i, err)
			}
		}
		return nil
	},
	"inspect_reply": func(m Message) error {
		if data := m.Content["data"].(map[string]any); m.Content["found"] != (len(data) > 0) {
			return fmt.Errorf("found is %v, with %d representations", m.Content["found"], len(data))
		}
		return nil
	},
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
	headerFields  = fields{"msg_id": name, "session": name, "username": text, "date": name, "msg_type": name, "version": name}
	requestFields = fields{"msg_id": name, "msg_type": name} // a parent header is as the client sent it
	errorFields   = fields{"ename": name, "evalue": text, "traceback": list(text)}
	displayData   = fields{"data": bundle, "metadata": object, "transient?": object}
	commFields    = fields{"comm_id": name, "data": object}
)

// contents is the content of each message type that a kernel sends.
var contents = map[string]fields{
	"kernel_info_reply": {
		"status": text, "protocol_version": oneOf("5.5"), "implementation": name, "implementation_version": name, "banner": text,
		"language_info": fields{
			"name": name, "version": name, "mimetype": name, "file_extension": name,
			"pygments_lexer?": text, "codemirror_mode?": text, "nbconvert_exporter?": text,
		}.check,
		"help_links?":         list(fields{"text": text, "url": name}.check),
		"supported_features?": list(oneOf("debugger", "kernel subshells")), "debugger?": boolean,
	},
	"execute_reply": {
		"status": text, "execution_count": integer, "user_expressions": each(userExpression), "payload?": list(payload),
	},
	"is_complete_reply": {"status": oneOf("complete", "incomplete", "invalid", "unknown"), "indent?": text},
	"complete_reply":    {"status": text, "matches": list(text), "cursor_start": integer, "cursor_end": integer, "metadata": object},
	"inspect_reply":     {"status": text, "found": boolean, "data": bundle, "metadata": object},
	"history_reply":     {"status": text, "history": list(historyLine)},
	"comm_info_reply":   {"status": text, "comms": each(fields{"target_name": text}.check)},
	"connect_reply": {
		"status": text, "shell_port": integer, "iopub_port": integer, "stdin_port": integer, "hb_port": integer, "control_port": integer,
	},
	"shutdown_reply":  {"status": text, "restart": boolean},
	"interrupt_reply": {"status": text},
	"debug_reply":     {"type": oneOf("response"), "request_seq": integer, "success": boolean, "command": text, "message?": text},
	"usage_reply": { // not of the specification: what jupyter-resource-usage reads of ipykernel's
		"status": text, "hostname": name, "pid": integer, "kernel_cpu": quantity, "kernel_memory": integer, "cpu_count": integer,
		"host_cpu_percent?": quantity,
		"host_virtual_memory": fields{
			"total": integer, "available": integer, "percent": quantity, "used": integer, "free": integer,
		}.check,
	},

	"status":              {"execution_state": oneOf("busy", "idle", "starting")},
	"execute_input":       {"code": text, "execution_count": integer},
	"stream":              {"name": oneOf("stdout", "stderr"), "text": name},
	"display_data":        displayData,
	"update_display_data": {"data": bundle, "metadata": object, "transient": fields{"display_id": name}.check},
	"execute_result":      {"data": bundle, "metadata": object, "execution_count": integer, "transient?": object},
	"error":               errorFields,
	"clear_output":        {"wait": boolean},
	"debug_event":         {"type": oneOf("event"), "event": name, "body?": object},
	"comm_open":           {"comm_id": name, "target_name": name, "data": object},
	"comm_msg":            commFields,
	"comm_close":          commFields,
	"input_request":       {"prompt": text, "password": boolean},
	"iopub_welcome":       {"subscription": text},
}

// userExpression is the value of one, or its error.
func userExpression(v any) error {
	if m, ok := v.(map[string]any); ok && m["status"] == "error" {
		return errorFields.check(v)
	}
	return fields{"status": oneOf("ok"), "data": bundle, "metadata": object}.check(v)
}

// payload is one of those that the specification knows.
func payload(v any) error {
	if err := (fields{"source": oneOf("page", "set_next_input", "edit_magic", "ask_exit")}).check(v); err != nil {
		return err
	}
	switch v.(map[string]any)["source"] {
	case "page":
		return fields{"data": all(bundle, fields{"text/plain": text}.check), "start": integer}.check(v)
	case "set_next_input":
		return fields{"text": text, "replace": boolean}.check(v)
	}
	return nil
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

// quantity is a number that is not negative.
func quantity(v any) error {
	if n, ok := v.(float64); !ok || n < 0 {
		return fmt.Errorf("%v is no quantity", v)
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

// all passes what passes every check.
func all(checks ...func(any) error) func(any) error {
	return func(v any) error {
		for _, check := range checks {
			if err := check(v); err != nil {
				return err
			}
		}
		return nil
	}
}

// each is an object whose values pass.
func each(value func(any) error) func(any) error {
	return func(v any) error {
		if err := object(v); err != nil {
			return err
		}
		for key, v := range v.(map[string]any) {
			if err := value(v); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
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
