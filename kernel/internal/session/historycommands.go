package session

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golab/kernel/internal/engine"
)

// historyCommands are those about cells that were run.
var historyCommands = []*command{
	{name: "history", usage: "[-n] [-o] [-u] [-g [PATTERN]] [-l N] [CELLS]", about: "list cells that were run: this session's, or of earlier ones",
		options: []string{"-n", "-o", "-u", "-g", "-l"}, run: showHistory,
		more: "CELLS are numbers and ranges, such as `3 5-8`; `~1/3` is cell 3 of the session before this one, `~1/` all of it. -n shows numbers, -o what cells\n" +
			"returned, -l the last N of all sessions, -g those of all sessions in which PATTERN (with * and ?) occurs; of these, -u equal ones once."},
	{name: "replay", usage: "[all | 1-4,7 …]", about: "restart the worker and run those cells; or list them", run: replay},
}

// cellRange is how cells are named: `3`, `2-5`, `~1/4-6`, `~2/`.
var cellRange = regexp.MustCompile(`^(?:~(\d+)/)?(?:(\d+)(?:-(\d*))?)?$`)

// ownHistory is the session's cells as the history keeps them.
func (s *Session) ownHistory() []engine.HistoryEntry {
	var list []engine.HistoryEntry
	for _, r := range s.history {
		list = append(list, engine.HistoryEntry{Line: r.count, Input: r.cell})
	}
	return list
}

// chooseHistory finds the cells that ranges name; none names all of this session.
func (s *Session) chooseHistory(c *call, ranges []string) ([]engine.HistoryEntry, error) {
	if len(ranges) == 0 {
		return s.ownHistory(), nil
	}
	var list []engine.HistoryEntry
	for _, word := range ranges {
		for _, r := range strings.Split(strings.Trim(word, ","), ",") {
			entries, err := s.historyRange(c, r)
			if err != nil {
				return nil, err
			}
			if len(entries) == 0 {
				return nil, fmt.Errorf("no cell %s has been run; `%%history -n` lists them", r)
			}
			list = append(list, entries...)
		}
	}
	return list, nil
}

func (s *Session) historyRange(c *call, word string) ([]engine.HistoryEntry, error) {
	m := cellRange.FindStringSubmatch(word)
	if m == nil || word == "" {
		return nil, fmt.Errorf("%q is no number or range of cells, such as 3, 2-5 or ~1/2-5", word)
	}
	from, to := 0, -1
	if m[2] != "" {
		from, _ = strconv.Atoi(m[2])
		if to = from + 1; m[3] != "" {
			to, _ = strconv.Atoi(m[3])
			to++
		} else if strings.HasSuffix(word, "-") {
			to = -1
		}
		if to >= 0 && to <= from {
			return nil, fmt.Errorf("%q names no cells: it ends before it begins", word)
		}
	}
	if back, _ := strconv.Atoi(m[1]); back > 0 {
		if c.r.req.History == nil {
			return nil, fmt.Errorf("%q is of an earlier session, and none are kept here", word)
		}
		return c.r.req.History.Range(-back, from, to)
	}
	var list []engine.HistoryEntry
	for _, e := range s.ownHistory() {
		if e.Line >= from && (to < 0 || e.Line < to) {
			list = append(list, e)
		}
	}
	return list, nil
}

// showHistory is %history.
func showHistory(_ context.Context, s *Session, c *call) *engine.Error {
	words, fail := c.words()
	if fail != nil {
		return fail
	}
	if n := len(words); n > 0 && (words[n-1] == "-g" || words[n-1] == "-l") { // their values have defaults
		words = append(words, map[string]string{"-g": "*", "-l": "10"}[words[n-1]])
	}
	opts, words, fail := c.options(words, "gl")
	if fail != nil {
		return fail
	}
	pattern, search := opts['g']
	last, tail := opts['l']
	_, numbers := opts['n']
	_, outputs := opts['o']
	_, unique := opts['u']
	var entries []engine.HistoryEntry
	var err error
	switch h := c.r.req.History; {
	case search || tail:
		limit := -1
		if tail {
			if limit, err = strconv.Atoi(last); err != nil || limit < 0 {
				return c.usage("-l takes a number")
			}
		}
		pattern = strings.Join(append([]string{pattern}, words...), " ") // `-g two words`
		switch {
		case h == nil:
			entries = matching(s.ownHistory(), pattern, limit)
		case search:
			entries, err = h.Search("*"+pattern+"*", limit, unique)
		default:
			entries, err = h.Tail(limit)
		}
	default:
		entries, err = s.chooseHistory(c, words)
	}
	if err != nil {
		return c.failf("%v", err)
	}
	session := 0
	if c.r.req.History != nil {
		session = c.r.req.History.Session()
	}
	for _, e := range entries {
		label := ""
		if numbers || search || tail {
			label = fmt.Sprintf("%4d: ", e.Line)
			if e.Session != 0 && e.Session != session {
				label = fmt.Sprintf("%4d/%d: ", e.Session, e.Line)
			}
		}
		lines := strings.Split(strings.TrimRight(e.Input, "\n"), "\n")
		c.print("%s%s\n", label, strings.Join(lines, "\n"+strings.Repeat(" ", len(label))))
		if outputs && e.Output != "" {
			c.print("%s=> %s\n", strings.Repeat(" ", len(label)), e.Output)
		}
	}
	return nil
}

// matching is the last n cells in which a pattern occurs; n < 0 is no limit.
func matching(entries []engine.HistoryEntry, pattern string, n int) []engine.HistoryEntry {
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	expr := regexp.MustCompile("(?s)" + quoted)
	var list []engine.HistoryEntry
	for _, e := range entries {
		if expr.MatchString(e.Input) {
			list = append(list, e)
		}
	}
	if n >= 0 && len(list) > n {
		list = list[len(list)-n:]
	}
	return list
}
