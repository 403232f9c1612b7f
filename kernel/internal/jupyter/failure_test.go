package jupyter

import (
	"testing"
	"time"
)

func TestFailureAbortsWhatWasSentBeforeIt(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const away = -3 * time.Hour // how far the client's clock is from ours
	request := func(session string, sent, came time.Duration, format string) *request {
		return &request{
			message: &message{header: header{Session: session, Date: begin.Add(sent + away).Format(format)}},
			came:    begin.Add(came),
		}
	}
	const millis, micros = "2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05.000000Z"
	const ms, us = time.Millisecond, time.Microsecond
	for _, test := range []struct {
		name         string
		session      string
		sent, came   time.Duration
		format       string
		at, lasted   time.Duration // when the failed request arrived, and how long after that it failed
		wantAborted  bool
		failedFormat string
	}{
		{"sent at once by a browser", "a", 0, 9 * ms, millis, 5 * ms, 600 * us, true, millis},
		{"sent a moment later by a browser", "a", 2 * ms, 9 * ms, millis, 5 * ms, 4 * ms, true, millis},
		{"sent after the reply by a browser", "a", 6 * ms, 9 * ms, millis, 5 * ms, 600 * us, false, millis},
		{"sent in the next millisecond by a browser, which is close", "a", 1 * ms, 9 * ms, millis, 100 * us, 1500 * us, false, millis},
		{"sent at once by a program", "a", 50 * us, 9 * ms, micros, 5 * ms, 600 * us, true, micros},
		{"sent after the reply by a program", "a", 800 * us, 9 * ms, micros, 100 * us, 600 * us, false, micros},
		{"of another client", "b", 0, 9 * ms, micros, 5 * ms, 600 * us, false, micros},
		{"much later", "a", 0, 9 * time.Second, micros, 5 * ms, 600 * us, false, micros},
		{"a clock set back", "a", -time.Hour, 9 * ms, micros, 5 * ms, 600 * us, false, micros},
		{"no date", "a", 0, 9 * ms, "", 5 * ms, 600 * us, false, micros},
		{"the failed one had no date", "a", 0, 9 * ms, micros, 5 * ms, 600 * us, false, "yesterday"},
	} {
		f := failure{req: request("a", 0, test.at, test.failedFormat), at: begin.Add(test.at + test.lasted)}
		if got := f.before(request(test.session, test.sent, test.came, test.format)); got != test.wantAborted {
			t.Errorf("%s: aborted is %v", test.name, got)
		}
	}
	if (failure{}).before(request("a", 0, 0, micros)) {
		t.Error("aborted without a failure")
	}
}
