package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// A phone has another user, who has to sign in and is seen again: what was seen
// of the earlier one in between, and comes late, does not pass for newer.
func TestLateSignInOfTheEarlierUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		other := func(o *reporting.Observation) { o.UserID, o.ClientCode = userB, "" }
		h.see(phone(nil))
		time.Sleep(time.Hour)
		h.see(phone(other))
		time.Sleep(30 * time.Minute)
		h.see(phone(other))
		time.Sleep(time.Minute)
		h.lines()
		if seen := h.see(phone(func(o *reporting.Observation) { o.SeenAt = o.SeenAt.Add(-10 * time.Minute) })); seen.Stale != 1 {
			t.Errorf("%+v, want it stale", seen)
		}
		time.Sleep(time.Hour)
		if got, want := line(h.device("phone-1").Device), "id · Failed · Success · [waits-for-sign-in]"; got != want {
			t.Errorf("%s, want %s, after %q", got, want, h.lines())
		}
	})
}
