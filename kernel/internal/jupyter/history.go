package jupyter

import (
	"regexp"
	"strings"
	"sync"
)

// history is what was run in this session.
type history struct {
	mu      sync.Mutex
	entries []historyEntry
}

type historyEntry struct {
	line          int
	input, output string
}

// sessionNumber is the number of this session: earlier ones are not kept.
const sessionNumber = 1

func (h *history) add(line int, input, output string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, historyEntry{line, input, output})
}

func (h *history) all() []historyEntry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries[:len(h.entries):len(h.entries)]
}

// historyRequest is the content of a history_request.
type historyRequest struct {
	Output  bool   `json:"output"`
	Access  string `json:"hist_access_type"`
	Session int    `json:"session"` // of "range": 0 is this session, negative ones count back
	Start   int    `json:"start"`   // of "range": the first line
	Stop    *int   `json:"stop"`    // of "range": the line after the last
	N       *int   `json:"n"`       // of "tail" and "search": how many, at most
	Pattern string `json:"pattern"` // of "search": with * and ?
	Unique  bool   `json:"unique"`  // of "search"
}

func (s *server) searchHistory(req *request) object {
	r, err := parse[historyRequest](req)
	if err != nil {
		return badRequest(err)
	}
	entries := []any{}
	for _, e := range r.choose(s.history.all()) {
		var line any = e.input
		if r.Output {
			var out any // null where the cell had no value
			if e.output != "" {
				out = e.output
			}
			line = []any{e.input, out}
		}
		entries = append(entries, []any{sessionNumber, e.line, line})
	}
	return object{"history": entries}
}

// choose picks the entries asked for.
func (r historyRequest) choose(all []historyEntry) []historyEntry {
	var chosen []historyEntry
	switch r.Access {
	case "range":
		if r.Session != 0 && r.Session != sessionNumber {
			return nil
		}
		for _, e := range all {
			if e.line >= r.Start && (r.Stop == nil || e.line < *r.Stop) {
				chosen = append(chosen, e)
			}
		}
		return chosen
	case "search":
		match := glob(r.Pattern)
		for _, e := range all {
			if match.MatchString(e.input) {
				chosen = append(chosen, e)
			}
		}
		if r.Unique {
			chosen = lastOfEach(chosen)
		}
	default: // "tail"
		chosen = all
	}
	if r.N != nil && *r.N >= 0 && len(chosen) > *r.N {
		chosen = chosen[len(chosen)-*r.N:]
	}
	return chosen
}

// lastOfEach keeps the latest entry of each input.
func lastOfEach(entries []historyEntry) []historyEntry {
	last := map[string]int{}
	for i, e := range entries {
		last[e.input] = i
	}
	var kept []historyEntry
	for i, e := range entries {
		if last[e.input] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

// glob matches a whole cell with * and ? as in file names; an empty pattern matches all.
func glob(pattern string) *regexp.Regexp {
	if pattern == "" {
		pattern = "*"
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted)
	return regexp.MustCompile(`(?s)\A` + quoted + `\z`)
}
