package simtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// story is a named case: a way in which a device could come to stay compliant,
// or be locked out, and must not.
type story struct {
	name string
	tell func(s *stage)
}

const (
	compliant = compliance.StateCompliant
	blocked   = compliance.StateNonCompliant
	retired   = compliance.StateRemoved
	unknown   = compliance.StateUnspecified

	hour = time.Hour
	min1 = time.Minute
	day  = 24 * time.Hour
)

func is(state compliance.State) func(o *reporting.Observation) {
	return func(o *reporting.Observation) { o.State = state }
}

func isWith(state compliance.State, code status.ClientCode) func(o *reporting.Observation) {
	return func(o *reporting.Observation) { o.State, o.ClientCode = state, code }
}

// both tells a story of a PC and of a phone.
func both(tell func(s *stage, a *asset)) func(s *stage) {
	return func(s *stage) {
		tell(s, s.device("pc", azure.PlatformWindows))
		tell(s, s.device("phone", azure.PlatformIOS))
	}
}

func stories() []story {
	return []story{
		{"stays compliant by sign-out", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, isWith(blocked, status.CodeAccountLoggedOut))
			s.wants(2*hour+min1, a, blocked)
			s.see(3*hour, a, isWith(compliant, status.CodeAccountLoggedOut))
			s.wants(3*hour+min1, a, blocked)
			s.shows(3*hour+min1, a, status.Failed, status.BlankWaitsForSignIn)
			s.see(4*hour, a, isWith(compliant, status.CodeSuccess))
			s.wants(4*hour+min1, a, compliant)
			s.see(5*hour, a, isWith(retired, "Something_New"))
			s.wants(5*hour+min1, a, retired)
		})},
		{"stays compliant by late check-in", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, is(blocked))
			s.see(2*hour+30*min1, a, is(blocked))
			s.seeLate(2*hour+10*min1, 2*hour+40*min1, a, is(compliant))
			s.seeLate(90*min1, 3*hour, a, is(compliant))
			s.wants(4*hour, a, blocked)
		})},
		{"stays compliant by empty result", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, func(o *reporting.Observation) {
				o.State, o.ClientCode, o.AzureDeviceID, o.UserID, o.UserPrincipalName = blocked, "", "", "", ""
				o.Inventory, o.EnrollmentID, o.EnrolledAt = azure.Inventory{}, "", time.Time{}
			})
			s.wants(2*hour+min1, a, blocked)
			s.see(3*hour, a, func(o *reporting.Observation) { o.State, o.ClientCode, o.AzureDeviceID = unknown, "", "" })
			s.wants(4*hour, a, blocked)
		})},
		{"stays compliant by future date", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.refuses(2*hour, a, func(o *reporting.Observation) { o.SeenAt = o.SeenAt.Add(1000 * day) })
			s.refuses(2*hour, a, func(o *reporting.Observation) { o.SeenAt = o.SeenAt.Add(6 * min1) })
			s.see(2*hour+min1, a, is(blocked))
			s.wants(2*hour+2*min1, a, blocked)
			s.see(3*hour, a, func(o *reporting.Observation) {
				o.State, o.LastCheckIn = blocked, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Add(1000*day)
				o.Inventory.OSVersion = "2.0"
			})
			s.see(4*hour, a, func(o *reporting.Observation) { o.State, o.LastCheckIn = compliant, time.Time{}.Add(-1000*day) })
			s.wants(4*hour+min1, a, compliant)
		})},
		{"stays compliant by bad name", both(func(s *stage, a *asset) {
			for i, name := range []string{
				"line\nbreak\x1b[31m", "broken \xff\xfe", strings.Repeat("long ", 2000), "\x00", "\u202eturned", "\"quoted\\\"", "日本語",
			} {
				at := hour + time.Duration(i)*10*min1
				a.inventory.DeviceName = name
				s.see(at, a, is(compliant))
				s.see(at+5*min1, a, func(o *reporting.Observation) {
					o.State = blocked
					o.Inventory.Ownership = azure.Ownership(99)
					o.Inventory.OSVersion = fmt.Sprint("1.", i, "\xff")
				})
				s.wants(at+6*min1, a, blocked)
			}
		})},
		{"stays compliant by a state that nobody knows", both(func(s *stage, a *asset) {
			s.see(hour, a, is(blocked))
			s.refuses(2*hour, a, is(compliance.State(77)))
			s.see(3*hour, a, is(unknown))
			s.wants(4*hour, a, blocked)
		})},
		{"stays compliant by two in one call", both(func(s *stage, a *asset) {
			s.see(hour, a, is(blocked))
			s.together(2*hour, a, compliant, blocked)
			s.wants(2*hour+min1, a, blocked)
			s.together(3*hour, a, blocked, compliant, blocked)
			s.wants(4*hour, a, blocked)
		})},
		{"is locked out by two in one call", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.together(hour+10*min1, a, blocked, compliant)
			s.wants(2*hour, a, compliant)
			s.together(2*hour+10*min1, a, blocked, compliant, blocked, compliant)
			s.wants(3*hour, a, compliant)
		})},
		{"stays compliant while there is no token", both(func(s *stage, a *asset) {
			s.spells = append(s.spells, spell{kind: noToken, tenant: s.home.id, from: 2 * hour, to: 7 * hour})
			s.see(hour, a, is(compliant))
			s.see(3*hour, a, is(blocked))
			s.wants(6*hour, a, compliant)
			s.shows(6*hour, a, status.Failed, status.BlankNotCalledYet)
			s.wants(7*hour+40*min1, a, blocked)
		})},
		{"stays compliant by a refusal", both(func(s *stage, a *asset) {
			s.spells = append(s.spells, spell{kind: rejecting, tenant: s.home.id, device: a.azureID, from: 2 * hour, to: 4 * hour})
			s.see(hour, a, is(compliant))
			s.see(3*hour, a, is(blocked))
			s.shows(3*hour+min1, a, status.Failed, status.BlankError)
			s.see(5*hour, a, func(o *reporting.Observation) { o.State, o.Inventory.OSVersion = blocked, "2.0" })
			s.wants(5*hour+min1, a, blocked)
		})},
		{"stays compliant where Azure does not know it yet", func(s *stage) {
			a := s.device("pc", azure.PlatformWindows)
			s.spells = append(s.spells, spell{kind: unknownDevice, device: a.azureID, to: 20 * hour})
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, is(blocked))
			s.wants(21*hour+min1, a, blocked)
			s.see(22*hour, a, is(compliant))
			s.wants(22*hour+min1, a, compliant)
		}},
		{"stays compliant by a tie", both(func(s *stage, a *asset) {
			s.see(hour, a, is(blocked))
			s.see(2*hour, a, is(blocked))
			s.seeLate(2*hour, 2*hour+min1, a, is(compliant))
			s.wants(2*hour+2*min1, a, blocked)
			s.see(3*hour, a, is(compliant))
			s.seeLate(3*hour, 3*hour+min1, a, is(blocked))
			s.wants(3*hour+2*min1, a, blocked)
		})},
		{"stays compliant by a lost answer", both(func(s *stage, a *asset) {
			if a.host == "phone" {
				return // its reports are ordered by Microsoft
			}
			s.see(hour, a, is(blocked))
			s.becomes(2, voyage{end: dropped})
			s.see(2*hour, a, is(compliant))
			s.seeLate(2*hour+time.Second, 2*hour+time.Second, a, is(blocked))
			s.wants(2*hour+10*min1, a, blocked)
		})},
		{"stays compliant by a crash", both(func(s *stage, a *asset) {
			if a.host == "phone" {
				return
			}
			s.see(hour, a, is(blocked))
			s.becomes(2, voyage{dies: true})
			s.see(2*hour, a, is(compliant))
			s.see(2*hour+min1, a, is(blocked))
			s.wants(5*hour, a, blocked)
		})},
		{"stays compliant by a late arrival", both(func(s *stage, a *asset) {
			if a.host == "phone" {
				return
			}
			s.becomes(1, voyage{end: tooLate, late: 100 * time.Second})
			s.see(hour, a, is(compliant))
			s.see(hour+90*time.Second, a, is(retired))
			s.wants(hour+10*min1, a, retired)
		})},
		{"stays compliant by a check-in after the removal", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, is(retired))
			s.see(3*hour, a, is(compliant))
			s.seeLate(90*min1, 4*hour, a, is(compliant))
			s.wants(5*hour, a, retired)
			s.shows(5*hour, a, status.Successful, status.BlankUnspecified)
		})},
		{"stays compliant by a check-in before the removal arrives", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, func(o *reporting.Observation) { o.Inventory.OSVersion = "2.0" })
			s.seeLate(90*min1, 2*hour+min1, a, is(retired))
			s.wants(3*hour, a, retired)
		})},
		{"stays compliant by a new Azure id", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			old := *a
			a.azureID = a.d.guid()
			a.at = 2 * hour
			a.register(false)
			a.shows = a.azureID
			s.see(2*hour+min1, a, is(compliant))
			s.wants(3*hour, &old, retired)
			s.wants(3*hour, a, compliant)
		})},
		{"stays compliant by another user", func(s *stage) {
			a := s.device("phone", azure.PlatformAndroid)
			s.see(hour, a, is(compliant))
			old := *a
			a.user, a.upn = a.d.guid(), "other@contoso.example"
			s.see(2*hour, a, isWith(compliant, ""))
			s.wants(2*hour+min1, &old, retired)
			s.wants(2*hour+min1, a, unknown)
			s.see(3*hour, a, isWith(compliant, status.CodeSuccess))
			s.wants(3*hour+min1, a, compliant)
			a.upn = "married@contoso.example"
			s.see(4*hour, a, isWith(compliant, status.CodeUserCancelled))
			s.wants(4*hour+min1, a, compliant)
		}},
		{"stays compliant by a second record", both(func(s *stage, a *asset) {
			s.see(hour, a, is(blocked))
			twin := *a
			twin.host, twin.enrolment, twin.enrolled, twin.knows = a.host+"-twin", "", time.Time{}, false
			s.see(2*hour, &twin, is(compliant))
			s.wants(2*hour+min1, a, blocked)
			s.see(3*hour, &twin, is(retired))
			s.wants(3*hour+min1, a, blocked)
			s.see(4*hour, a, is(compliant))
			s.wants(4*hour+min1, a, compliant)
		})},
		{"stays compliant by an older record", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			old := *a
			a.host += "-again"
			a.at = 2 * hour
			a.enrolment, a.enrolled = "again", a.began.Add(2*hour)
			s.see(2*hour, a, is(compliant))
			s.see(3*hour, a, is(retired))
			s.wants(3*hour+min1, a, retired)
			s.see(4*hour, &old, is(compliant))
			s.wants(100*hour-min1, a, retired) // and its object stands, for it is claimed
		})},
		{"is removed by an older record", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			old := *a
			a.host += "-again"
			a.enrolment, a.enrolled = "again", a.began.Add(2*hour)
			s.see(2*hour, a, is(compliant))
			s.see(3*hour, &old, is(retired))
			s.wants(4*hour, a, compliant)
		})},
		{"is deleted though it came back", func(s *stage) {
			a := s.device("pc", azure.PlatformWindows)
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, is(retired))
			a.enrolment, a.enrolled = "again", a.began.Add(70*hour)
			s.see(70*hour, a, is(compliant))
			s.wants(90*hour, a, compliant)
		}},
		{"is deleted though it is hybrid", func(s *stage) {
			a := s.device("pc", azure.PlatformWindows)
			a.hybrid = true
			a.register(false)
			s.see(hour, a, is(compliant))
			s.see(2*hour, a, is(retired))
			s.wants(90*hour, a, retired)
		}},
		{"stays compliant where the tenant is switched", both(func(s *stage, a *asset) {
			s.see(hour, a, is(compliant))
			for i, m := range []reporting.Mode{reporting.ModeOff, reporting.ModePaused, reporting.ModeReportOnly} {
				at := 2*hour + time.Duration(i)*4*hour
				if a.host == "pc" {
					s.mode(at, m)
					s.mode(at+2*hour, reporting.ModeOn)
				}
				s.see(at+hour, a, is(blocked))
				s.wants(at+hour+min1, a, compliant)
				s.wants(at+2*hour+5*min1, a, blocked)
				s.see(at+3*hour, a, is(compliant))
			}
		})},
		{"costs one call however often it changes", func(s *stage) {
			a := s.device("pc", azure.PlatformWindows)
			s.see(hour, a, is(compliant))
			s.mode(2*hour, reporting.ModePaused)
			for i := range 10 {
				a.inventory.OSVersion = fmt.Sprint("2.", i)
				s.see(2*hour+time.Duration(i+1)*min1, a, is(compliance.State(1+i%2)))
			}
			s.mode(3*hour, reporting.ModeOn)
			s.reports(4*hour, a, 2)
			for i := range 20 {
				s.see(4*hour+time.Duration(i+1)*7*min1, a, is(blocked))
			}
			s.reports(10*hour, a, 2)
		}},
		{"waits behind routine work", func(s *stage) {
			s.rate, s.options.Burst = 0.2, 4
			s.options.TenantQuota = reporting.Quota{Writes: 30, Window: 150 * time.Second}
			a := s.device("pc", azure.PlatformWindows)
			s.see(min1, a, is(compliant))
			for i := range 150 {
				other := s.device(fmt.Sprint("other-", i), azure.PlatformWindows)
				s.see(5*min1, other, is(compliant))
			}
			s.see(8*min1, a, is(blocked))
			s.wants(8*min1+15*time.Second, a, blocked)
		}},
		{"comes back before it was asked to", func(s *stage) {
			s.throttle = meter{model: fixedWindow, rate: 0.1, window: 5 * time.Minute}
			s.retryAfter = "exact"
			for i := range 60 {
				a := s.device(fmt.Sprint("pc-", i), azure.PlatformWindows)
				s.see(hour, a, is(compliant))
				s.wants(hour+20*min1, a, compliant)
			}
		}},
		{"shows success before Microsoft says so", func(s *stage) {
			s.settling = 20 * min1
			a := s.device("phone", azure.PlatformMacOS)
			s.see(hour, a, is(compliant))
			s.shows(hour+3*time.Second, a, status.InProgress, status.BlankUnspecified)
			s.shows(hour+45*min1, a, status.Successful, status.BlankUnspecified)
		}},
		{"flaps", func(s *stage) {
			a := s.device("pc", azure.PlatformWindows)
			s.see(hour, a, is(compliant))
			for i := range 20 {
				at := 2*hour + time.Duration(i)*20*time.Second
				s.see(at, a, is(compliance.State(1+(i+1)%2)))
				if i%2 == 0 {
					s.wants(at+10*time.Second, a, blocked)
				}
			}
			s.wants(3*hour, a, compliant)
		}},
		{"is locked out by a policy pushed by mistake", func(s *stage) {
			s.guarded = true
			var all []*asset
			for i := range 40 {
				a := s.device(fmt.Sprint("pc-", i), azure.PlatformWindows)
				all = append(all, a)
				s.see(hour, a, is(compliant))
			}
			for _, a := range all {
				s.see(3*hour, a, is(retired))
			}
			s.at(4*hour, "count", func(w *world, _ dice) {
				gone := 0
				for _, a := range all {
					if w.standing(ref{a.t.id, a.azureID}, a.user) == retired {
						gone++
					}
				}
				if gone > 20 {
					w.wrong("%d of 40 devices were removed within an hour before anybody approved", gone)
				}
			})
			s.ask(5*hour, "approve", func(ctx context.Context, e *reporting.Engine) error {
				_, err := e.Approve(ctx, reporting.Filter{TenantID: s.home.id})
				return err
			})
			for _, a := range all {
				s.wants(6*hour, a, retired)
			}
		}},
	}
}
