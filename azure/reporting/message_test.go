package reporting_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// answerChecks sets what is answered to questions.
func (m *microsoft) answerChecks(answer func(r azure.Receipt) (azure.Receipt, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return answer(r) }
}

func inProgress(r azure.Receipt) (azure.Receipt, error) { return r, nil }

func failedWith(k azure.Kind) func(r azure.Receipt) (azure.Receipt, error) {
	return func(r azure.Receipt) (azure.Receipt, error) {
		r.State = status.Failed
		if k != "" {
			r.Failure = &azure.Error{Op: "check", Kind: k, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
		}
		return r, nil
	}
}

// A message is asked about after 5 s, then at doubling waits up to a quarter of
// an hour; a question that fails is no verdict.
func TestMessagesAreAskedAboutLessAndLess(t *testing.T) {
	for name, answer := range map[string]func(r azure.Receipt) (azure.Receipt, error){
		"in progress": inProgress,
		"no answer": func(r azure.Receipt) (azure.Receipt, error) {
			return r, &azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				h.azure.later.Store(true)
				h.azure.answerChecks(answer)
				h.see(phone(nil))
				defer h.run()()
				time.Sleep(2 * time.Hour)
				checks := h.azure.all("check")
				last := h.azure.all("report")[0].at
				want := 5 * time.Second
				for i, c := range checks {
					if wait := c.at.Sub(last); wait < want || wait > want+time.Second {
						t.Errorf("question %d after %v, want %v", i, wait, want)
					}
					last, want = c.at, min(15*time.Minute, 2*want)
				}
				if len(checks) < 12 {
					t.Errorf("%d questions in two hours", len(checks))
				}
				if got, want := line(h.device("phone-1").Device), "id · In-progress · Success · time -> compliant"; got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
				if n := len(h.azure.all("report")); n != 1 {
					t.Errorf("%d reports, want one", n)
				}
			})
		})
	}
}

// A question that Microsoft wants to be asked later is asked later.
func TestQuestionsObserveRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.later.Store(true)
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
			return r, &azure.Error{Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused, RetryAfter: 20 * time.Minute}
		})
		h.see(phone(nil))
		defer h.run()()
		time.Sleep(41 * time.Minute)
		if n := len(h.azure.all("check")); n != 3 {
			t.Errorf("%d questions in 41 minutes, want 3", n)
		}
	})
}

// A message that never settles is given up after Options.MessageTimeout, shown
// as not answered, and a new one is sent.
func TestMessageThatNeverSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{MessageTimeout: 2 * time.Hour})
		h.azure.later.Store(true)
		h.azure.answerChecks(inProgress)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(10 * time.Hour)
		reports := h.azure.all("report")
		if n := len(reports); n < 4 || n > 5 {
			t.Errorf("%d messages in 10 hours, want a new one about every 2", n)
		}
		for i := range reports[1:] {
			if d := reports[i+1].at.Sub(reports[i].at); d < 2*time.Hour || d > 2*time.Hour+16*time.Minute {
				t.Errorf("message %d comes %v after the one before", i+1, d)
			}
		}
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) { r.State = status.Successful; return r, nil })
		time.Sleep(time.Hour)
		if got, want := line(h.device("phone-1").Device), "id · Successful · Success · time -> compliant"; got != want {
			t.Errorf("settled in the end: %s, want %s", got, want)
		}
	})
}

// A verdict of Failed is shown with its kind, and not repeated until something
// changes; then a new message is sent.
func TestMessageThatFails(t *testing.T) {
	for _, tc := range []struct {
		kind  azure.Kind
		shown string
		again int // messages within an hour
	}{
		{azure.ErrRejected, "id · Failed · Success · [error] (rejected) -> non-compliant", 1},
		{"", "id · Failed · Success · [error] (rejected) -> non-compliant", 1},
		{azure.ErrUserNotFound, "id · In-progress · Success · [error] (user_not_found) -> non-compliant", 5},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(phone(in(nonCompliant)))
				time.Sleep(time.Minute)
				h.azure.later.Store(true)
				h.azure.answerChecks(failedWith(tc.kind))
				h.lines()
				h.see(phone(nil))
				time.Sleep(time.Hour)
				if got := line(h.device("phone-1").Device); got != tc.shown {
					t.Errorf("shown %s, want %s", got, tc.shown)
				}
				if n := len(h.lines()); n != tc.again {
					t.Errorf("%d messages in an hour, want %d", n, tc.again)
				}
				h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) { r.State = status.Successful; return r, nil })
				h.see(phone(func(o *reporting.Observation) { o.Inventory.OSVersion = "26.2" }))
				time.Sleep(time.Hour)
				if got, want := line(h.device("phone-1").Device), "id · Successful · Success · time -> compliant"; got != want {
					t.Errorf("after a change: %s, want %s", got, want)
				}
			})
		})
	}
}

// A newer standing takes the place of a message in progress, is sent at once,
// and what becomes of the older message says nothing of it.
func TestNewerStandingSupersedesAMessage(t *testing.T) {
	for _, tc := range []struct {
		verdict status.ReportState
		takes   time.Duration // the question, of 2 minutes that its lease has
		most    time.Duration // that the newer standing waits
	}{
		{status.Successful, 20 * time.Second, 20 * time.Second}, {status.Failed, 20 * time.Second, 20 * time.Second},
		{status.Successful, 3 * time.Minute, 2 * time.Minute}, {status.Failed, 3 * time.Minute, 2 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%v after %v", tc.verdict, tc.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				h.azure.later.Store(true)
				first := ""
				h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
					if first == "" {
						first = r.MessageID
						time.Sleep(tc.takes) // the newer standing comes while it is asked
						r.State = tc.verdict
						return r, nil
					}
					return r, nil
				})
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(10 * time.Second)
				h.see(phone(in(nonCompliant)))
				began := time.Now()
				time.Sleep(10 * time.Minute)
				// After a lease that lapsed it is sent once more, since nobody knows
				// what was done under it.
				if diff := cmp.Diff([]string{"compliant to id, change", "non-compliant to id, change"}, slices.Compact(h.lines())); diff != "" {
					t.Errorf("sent (-want +got)\n%s", diff)
				}
				if at := h.azure.all("report")[1].at; at.Sub(began) > tc.most {
					t.Errorf("the newer standing waited %v, want no longer than the question", at.Sub(began))
				}
				if got, want := line(h.device("phone-1").Device), "id · In-progress · Success · time -> non-compliant"; got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
				asked := h.azure.all("check")
				if id := asked[len(asked)-1].report.ID; id == first {
					t.Error("the older message is still asked about")
				}
			})
		})
	}
}

// Messages in progress survive a restart.
func TestMessagesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.later.Store(true)
		h.azure.answerChecks(inProgress)
		h.see(phone(nil))
		stop := h.run()
		time.Sleep(time.Minute)
		stop()
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) { r.State = status.Successful; return r, nil })
		time.Sleep(time.Minute)
		defer run(t, engineOn(t, h.store, h.azure, nil))()
		time.Sleep(5 * time.Minute)
		if d := h.device("phone-1"); d.ComplianceStatus != status.Successful {
			t.Errorf("shown %s", line(d.Device))
		}
		if n := len(h.azure.all("report")); n != 1 {
			t.Errorf("%d reports, want one", n)
		}
	})
}

// The removal of a phone is settled later too.
func TestRemovalIsSettledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.later.Store(true)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, "phone-1"))
		time.Sleep(2 * time.Second)
		if got, want := line(h.device("phone-1").Device), "id · In-progress · Success · time -> removed"; got != want {
			t.Errorf("accepted: %s, want %s", got, want)
		}
		time.Sleep(time.Minute)
		if got, want := line(h.device("phone-1").Device), "id · Successful · Success · time -> removed"; got != want {
			t.Errorf("settled: %s, want %s", got, want)
		}
	})
}
