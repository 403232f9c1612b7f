package jupyter

import (
	"fmt"

	"golab/kernel/internal/engine"
)

// historyRequest is the content of a history_request. Its field raw makes no difference: cells run as they are typed.
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
	found, err := s.choose(r)
	if err != nil {
		return errorContent(&engine.Error{Name: "history error", Value: err.Error()})
	}
	entries := []any{}
	for _, e := range found {
		var line any = e.Input
		if r.Output {
			var out any // null where the cell had no value
			if e.Output != "" {
				out = e.Output
			}
			line = []any{e.Input, out}
		}
		entries = append(entries, []any{e.Session, e.Line, line})
	}
	return object{"history": entries}
}

// choose picks the entries asked for.
func (s *server) choose(r historyRequest) ([]engine.HistoryEntry, error) {
	n, stop := -1, -1
	if r.N != nil {
		n = *r.N
	}
	if r.Stop != nil {
		stop = *r.Stop
	}
	switch r.Access {
	case "range":
		return s.history.Range(r.Session, r.Start, stop)
	case "search":
		return s.history.Search(r.Pattern, n, r.Unique)
	case "tail", "":
		return s.history.Tail(n)
	}
	return nil, fmt.Errorf("hist_access_type is %q, not range, tail or search", r.Access)
}
