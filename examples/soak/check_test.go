package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// scene is a device whose every change is acknowledged, and Microsoft.
type scene struct {
	t        *testing.T
	ms       *microsoft
	world    *world
	reporter azure.Reporter
	record   *record
}

func newScene(t *testing.T, p azure.Platform) *scene {
	t.Helper()
	ms, tenants := newMicrosoft(settings{seed: 1, tenants: 1, call: time.Second, quotas: low()}, 0, unkilled{})
	t.Cleanup(ms.close)
	s := &scene{t: t, ms: ms, world: newWorld(1, ms.sim, tenants, 0)}
	var err error
	s.reporter, err = ms.address.connect("scene")
	require.NoError(t, err)
	m := &machine{tenant: tenants[0], platform: p}
	s.world.machines = append(s.world.machines, m)
	s.record = s.world.newRecord(m)
	s.world.learnID(s.record, "")
	return s
}

// is lets the record be something, which the host knows and has handed over.
func (s *scene) is(state compliance.State) {
	s.record.truth.State = state
	s.tell()
}

func (s *scene) tell() { s.world.tell(s.record, "changes").acked = time.Now() }

// report has something written at Microsoft.
func (s *scene) report(id string, state compliance.State, version string) {
	s.t.Helper()
	o := s.record.truth
	_, err := s.reporter.Report(context.Background(), azure.Report{
		TenantID: o.TenantID, DeviceID: id, UserID: o.UserID, Platform: o.Platform, State: state, KeepObject: true,
		Inventory: azure.Inventory{OSVersion: version}, UpdatedAt: time.Now().Add(time.Duration(len(s.ms.sim.Requests())) * time.Second),
	})
	require.NoError(s.t, err)
}

func (s *scene) delete(id string) {
	s.t.Helper()
	o := s.record.truth
	_, err := s.reporter.(azure.Deleter).DeleteObject(context.Background(), azure.Report{
		TenantID: o.TenantID, DeviceID: id, Platform: o.Platform, State: compliance.StateRemoved,
	})
	require.NoError(s.t, err)
}

func (s *scene) check() *check {
	return &check{world: s.world, sim: s.ms.sim, callTimeout: time.Second, tally: map[standing]int{}}
}

// The check of what Microsoft holds finds each kind of fault, and none where
// there is none.
func TestCheckOfMicrosoft(t *testing.T) {
	const (
		none     = compliance.StateUnspecified
		yes      = compliance.StateCompliant
		no       = compliance.StateNonCompliant
		removed  = compliance.StateRemoved
		fine     = ""
		phone    = azure.PlatformIOS
		computer = azure.PlatformWindows
	)
	for _, c := range []struct {
		name     string
		platform azure.Platform
		scene    func(s *scene, id string)
		want     string
	}{
		{"compliant", computer, func(s *scene, id string) { s.is(yes); s.report(id, yes, "1.0") }, fine},
		{"compliant on a phone", phone, func(s *scene, id string) { s.is(yes); s.report(id, yes, "1.0") }, fine},
		{"not evaluated", computer, func(s *scene, id string) { s.is(none) }, fine},
		{"not evaluated and told", computer, func(s *scene, id string) { s.is(none); s.report(id, no, "1.0") }, `holds "non-compliant", want ["nothing"]`},
		{"never told", phone, func(s *scene, id string) { s.is(no) }, `holds "nothing", want ["non-compliant"]`},
		{"the older standing", phone, func(s *scene, id string) { s.is(yes); s.is(no); s.report(id, yes, "1.0") }, `holds "compliant", want ["non-compliant"]`},
		{"the older standing last", computer, func(s *scene, id string) {
			s.is(yes)
			s.is(no)
			s.report(id, no, "1.0")
			s.report(id, yes, "1.0")
		}, `holds "compliant", want ["non-compliant"]`},
		{"the older version", computer, func(s *scene, id string) { s.is(yes); s.report(id, yes, "0.9") }, `version "0.9", want "1.0"`},
		{"retired", phone, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.is(removed)
			s.report(id, removed, "")
		}, fine},
		{"retired and compliant", phone, func(s *scene, id string) { s.is(yes); s.report(id, yes, "1.0"); s.is(removed) }, `holds "compliant", want`},
		{"retired and there", computer, func(s *scene, id string) { s.is(removed); s.report(id, removed, "") }, "is still there"},
		{"retired and deleted", computer, func(s *scene, id string) { s.is(removed); s.report(id, removed, ""); s.delete(id) }, fine},
		{"retired, hybrid and deleted", computer, func(s *scene, id string) {
			s.record.machine.hybrid = true
			s.is(removed)
			s.report(id, removed, "")
			s.delete(id)
		}, "(hybrid: true) was deleted"},
		{"deleted though claimed", computer, func(s *scene, id string) {
			s.is(no)
			s.record.changes[0].acked = time.Now().Add(-time.Minute)
			s.report(id, removed, "")
			s.delete(id)
		}, "though the record claimed it"},
		{"deleted when its removal was on the way", computer, func(s *scene, id string) {
			s.is(no)
			s.record.changes[0].acked = time.Now().Add(-time.Minute)
			s.is(removed)
			s.record.changes[1].handed, s.record.changes[1].handedAt = 1, time.Now()
			s.report(id, removed, "")
			s.delete(id)
		}, fine},
		{"on another id", computer, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.world.learnID(s.record, "")
			s.tell()
			s.report(s.record.truth.AzureDeviceID, yes, "1.0")
			s.report(id, removed, "")
		}, fine},
		{"on another id, and the old one open", computer, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.world.learnID(s.record, "")
			s.tell()
			s.report(s.record.truth.AzureDeviceID, yes, "1.0")
		}, `holds "compliant", want`},
		{"another user, and the first one's pair open", phone, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.world.changeUser(s.record).acked = time.Now()
			s.report(id, yes, "1.0")
		}, `holds "compliant" of the pair of user`},
		{"another user, and the first one's pair closed last", phone, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			first := s.record.truth.UserID
			s.world.changeUser(s.record).acked = time.Now()
			s.report(id, yes, "1.0")
			second := s.record.truth.UserID
			s.record.truth.UserID = first
			s.report(id, removed, "")
			s.record.truth.UserID = second
		}, "Entra shows compliant false"},
		{"another user", phone, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.report(id, removed, "")
			s.world.changeUser(s.record).acked = time.Now()
			s.report(id, yes, "1.0")
		}, fine},
		{"signed out, never vouched for", phone, func(s *scene, id string) {
			s.record.truth.ClientCode = status.CodeAccountLoggedOut
			s.is(yes)
			s.report(id, yes, "1.0")
		}, `holds "compliant", want`},
		{"signed out later", phone, func(s *scene, id string) {
			s.is(yes)
			s.report(id, yes, "1.0")
			s.record.truth.ClientCode = status.CodeAccountLoggedOut
			s.tell()
		}, fine},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.platform)
			c.scene(s, s.record.truth.AzureDeviceID)
			check := s.check()
			check.ids()
			got := strings.Join(check.faults, "\n")
			if c.want == fine && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// The check of what the engine shows finds each kind of fault.
func TestCheckOfDetails(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *reporting.Device)
		want   string
	}{
		{"as it is", func(*reporting.Device) {}, ""},
		{"another standing", func(d *reporting.Device) { d.Standing = compliance.StateNonCompliant }, "lost:"},
		{"another id", func(d *reporting.Device) { d.AzureDeviceID = "" }, "lost:"},
		{"no time", func(d *reporting.Device) { d.ReportTime = time.Time{} }, "contradict"},
		{"in progress", func(d *reporting.Device) {
			d.ComplianceStatus, d.ReportTime, d.Blank.ReportTime = status.InProgress, time.Time{}, status.BlankNotCalledYet
		}, "shown {State:In-progress"},
		{"another code", func(d *reporting.Device) { d.ClientCode = status.CodeInternalError }, "Code:Internal_Error"},
		{"reported as another", func(d *reporting.Device) { d.LastReported.State = compliance.StateNonCompliant }, "last reported"},
		{"too early", func(d *reporting.Device) {
			d.ReportTime = d.ReportTime.Add(-time.Hour)
			d.LastReported.Time = d.ReportTime
		}, "before Microsoft had"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, azure.PlatformWindows)
			s.is(compliance.StateCompliant)
			id := s.record.truth.AzureDeviceID
			s.report(id, compliance.StateCompliant, "1.0")
			now := time.Now().UTC()
			d := reporting.Device{TenantID: s.record.machine.tenant, DeviceID: s.record.truth.DeviceID, Standing: compliance.StateCompliant, Device: status.Device{
				AzureDeviceID: id, ComplianceStatus: status.Successful, ClientCode: status.CodeSuccess, ReportTime: now,
				LastReported: status.LastReported{State: compliance.StateCompliant, Time: now, AzureDeviceID: id},
			}}
			c.change(&d)
			check := s.check()
			check.device(s.record, &d, check.ids())
			got := strings.Join(check.faults, "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestMostWithin(t *testing.T) {
	at := func(seconds ...int) (times []time.Time) {
		for _, s := range seconds {
			times = append(times, time.Unix(int64(s), 0))
		}
		return times
	}
	got := map[string]int{}
	for _, c := range [][]time.Time{at(), at(5), at(1, 2, 3, 30), at(30, 1, 11), at(0, 9, 10, 19, 20)} {
		got[fmt.Sprint(len(c))] = mostWithin(c, 10*time.Second)
	}
	// A window of ten seconds does not hold both its ends.
	if diff := cmp.Diff(map[string]int{"0": 0, "1": 1, "4": 3, "3": 1, "5": 2}, got); diff != "" {
		t.Errorf("most within 10 s (-want +got):\n%s", diff)
	}
}
