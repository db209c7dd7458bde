package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// A phone's new enrolment names its user by the sign-in name alone: the pair of who
// had it before is closed once the user is known, or nobody has the device.
func TestFormerUser(t *testing.T) {
	began := time.Now()
	next := func(user string, s compliance.State) reporting.Observation {
		return phone(func(o *reporting.Observation) {
			o.DeviceID, o.EnrolledAt, o.UserID, o.UserPrincipalName, o.State = "phone-2", began.Add(-time.Minute), user, "bob@example.com", s
		})
	}
	for name, then := range map[string]func(h *trial){
		"known":   func(h *trial) { h.see(next(userB, compliant)) },
		"removed": func(h *trial) { h.see(next("", removed)) },
		"forgotten": func(h *trial) {
			for _, id := range []string{"phone-1", "phone-2"} {
				require.NoError(h.t, h.engine.Forget(h.t.Context(), account, tenantID, id, true))
			}
		},
		"off-boarded": func(h *trial) { require.NoError(h.t, h.engine.OffBoard(h.t.Context(), account, tenantID, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began = time.Now()
				h := newTrial(t, nil)
				defer h.run()()
				h.see(phone(func(o *reporting.Observation) { o.EnrolledAt = began.Add(-time.Hour) }))
				time.Sleep(time.Hour)
				h.see(next("", compliant))
				time.Sleep(time.Hour)
				then(h)
				time.Sleep(time.Hour)
				if got := h.pairs(deviceID)["A"]; got != removed.String() {
					t.Errorf("what was said last of the pair of A: %s", got)
				}
			})
		})
	}
}
