package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// settle runs the engine until it has nothing to do, in virtual time.
func (b *bench) settle() {
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(b.t, b.engine.Run(ctx))
}

func ids(devices []shownDevice) string {
	var all []string
	for _, d := range devices {
		all = append(all, d.DeviceID)
	}
	return strings.Join(all, " ")
}

// filled has devices of two tenants, some of which Microsoft has accepted.
func filled(t *testing.T) *bench {
	b := newBench(t, "")
	require.NoError(t, b.engine.RegisterTenant(t.Context(), "fabrikam", tenantB))
	b.want(200, "POST", "/v1/check-ins", `{"checkIns":[`+pc("pc-1", azure1, `[]`)+`,`+pc("pc-2", azure2, `["quarantine"]`)+`]}`)
	b.want(200, "POST", "/v1/tenants/"+tenantA+"/devices/ip-3/check-in", `{"account":"contoso","platform":"ios","clientCode":"User_Cancelled","actions":[]}`)
	b.want(200, "POST", "/v1/tenants/"+tenantB+"/devices/pc-4/check-in", `{"account":"fabrikam","platform":"windows","actions":null}`)
	b.settle()
	return b
}

func TestDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filled(t)
		for query, want := range map[string]string{
			"/v1/devices":                                                                "pc-1 pc-2 ip-3 pc-4",
			"/v1/tenants/" + tenantA + "/devices":                                        "pc-1 pc-2 ip-3",
			"/v1/tenants/" + strings.ToUpper(tenantA) + "/devices":                       "pc-1 pc-2 ip-3",
			"/v1/devices?limit=2":                                                        "pc-1 pc-2",
			"/v1/devices?state=Successful":                                               "pc-1 pc-2",
			"/v1/devices?state=failed":                                                   "ip-3",
			"/v1/devices?code=user_canceled":                                             "ip-3",
			"/v1/devices?state=Successful&code=User_Cancelled":                           "",
			"/v1/devices?held=true":                                                      "",
			"/v1/devices?error=throttled":                                                "",
			"/v1/devices?notConfirmedSince=1999-01-01T00:00:00Z&state=In-progress":       "pc-4",
			"/v1/tenants/" + tenantA + "/devices?notConfirmedSince=1999-01-01T00:00:00Z": "ip-3",
		} {
			w := b.do("GET", query, "")
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
				t.Errorf("%s: %d, %s", query, w.Code, w.Header())
			}
			if diff := cmp.Diff(want, ids(linesOf[shownDevice](t, w.Body.String()))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		for _, bad := range []string{"state=done", "held=perhaps", "notConfirmedSince=today", "limit=0", "limit=x", "tennant=x"} {
			name, value, _ := strings.Cut(bad, "=")
			got := decodeAs[problem](t, b.want(400, "GET", "/v1/devices?"+bad, ""))
			if len(got.Faults) != 1 || got.Faults[0].Field != name || got.Faults[0].Value != value {
				t.Errorf("%s: %+v", bad, got)
			}
		}
		b.want(400, "GET", "/v1/tenants/contoso/devices", "")
		b.want(400, "GET", "/v1/tenants/contoso/devices/pc-1", "")
		b.want(404, "GET", "/v1/tenants/"+tenantA+"/devices/pc-9", "")
		b.want(404, "GET", "/v1/tenants/"+userID+"/devices/pc-1", "")
	})
}

// slow is a client that takes its time: the program wants to end meanwhile.
type slow struct {
	*httptest.ResponseRecorder
	lines int
	stop  func()
}

func (s *slow) Write(b []byte) (int, error) {
	s.lines++
	s.stop()
	return s.ResponseRecorder.Write(b)
}

// A list that cannot be completed is cut off, so that it cannot pass for a
// whole one.
func TestListIsCutOff(t *testing.T) {
	b := newBench(t, "")
	var checkIns []string
	for n := range 5 {
		checkIns = append(checkIns, pc(fmt.Sprint("pc-", n), fmt.Sprintf("dddddddd-0000-4000-8000-%012d", n), `[]`))
	}
	b.want(200, "POST", "/v1/check-ins", `{"checkIns":[`+strings.Join(checkIns, ",")+`]}`)
	w := &slow{ResponseRecorder: httptest.NewRecorder(), stop: b.stop}
	r := httptest.NewRequest("GET", "http://localhost/v1/devices", nil)
	defer func() {
		if cut := recover(); cut != http.ErrAbortHandler || w.lines != 1 {
			t.Errorf("ended by %v after %d lines", cut, w.lines)
		}
	}()
	b.http.ServeHTTP(w, r)
	t.Error("the answer was completed")
}

// What administrators do to devices and tenants.
func TestActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filled(t)
		base := "/v1/tenants/" + tenantA
		reports := func() string {
			var all []string
			for _, r := range b.azure.Accepted() {
				all = append(all, r.DeviceID[len(r.DeviceID)-1:]+" "+r.State.String())
			}
			return strings.Join(all, ", ")
		}
		const first = "2 non-compliant, 1 compliant"
		if diff := cmp.Diff(first, reports()); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
		if got := decodeAs[devices](t, b.want(202, "POST", base+"/devices/pc-1/sync", "")); got.Devices != 1 {
			t.Errorf("synced %+v", got)
		}
		b.settle()
		if diff := cmp.Diff(first+", 1 compliant", reports()); diff != "" {
			t.Errorf("reports after a sync of one (-want +got):\n%s", diff)
		}
		if got := decodeAs[devices](t, b.want(202, "POST", base+"/sync?state=Successful", "")); got.Devices != 2 {
			t.Errorf("synced %+v", got)
		}
		if got := decodeAs[preview](t, b.want(200, "GET", base+"/preview", "")); got.Unchanged != 2 {
			t.Errorf("preview %+v", got)
		}
		b.settle()

		d := decodeAs[shownDevice](t, b.want(202, "DELETE", base+"/devices/pc-1", ""))
		if d.Standing != compliance.StateRemoved || d.ComplianceStatus.String() != "In-progress" {
			t.Errorf("removed: %+v", d)
		}
		got := decodeAs[preview](t, b.want(200, "GET", base+"/preview", ""))
		if diff := cmp.Diff(preview{Removed: 1, Blocked: 1}, got); diff != "" {
			t.Errorf("preview (-want +got):\n%s", diff)
		}
		b.settle()
		if d := decodeAs[shownDevice](t, b.want(200, "GET", base+"/devices/pc-1", "")); d.ComplianceStatus.String() != "Successful" || d.LastReported.State != compliance.StateRemoved {
			t.Errorf("after it was sent: %+v", d)
		}
		for _, path := range []string{"/devices/pc-9", "/devices/pc-9/sync"} {
			method := map[bool]string{true: "POST", false: "DELETE"}[strings.HasSuffix(path, "sync")]
			b.want(404, method, base+path, "")
		}
	})
}

func TestTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filled(t)
		base := "/v1/tenants/"
		var modes []string
		for _, tenant := range linesOf[reporting.Tenant](t, b.want(200, "GET", "/v1/tenants", "")) {
			modes = append(modes, tenant.Account+" "+tenant.Mode.String())
		}
		if diff := cmp.Diff([]string{"contoso on", "fabrikam on"}, modes); diff != "" {
			t.Errorf("tenants (-want +got):\n%s", diff)
		}
		got := decodeAs[reporting.Tenant](t, b.want(200, "PUT", base+tenantA, `{"account":"contoso","mode":"report-only"}`))
		if got.Mode != reporting.ModeReportOnly || got.Compliant != 1 || got.Devices[1]+got.Devices[2]+got.Devices[3] != 3 {
			t.Errorf("tenant %+v", got)
		}
		b.want(200, "PUT", base+userID, `{"account":"new","mode":"paused"}`)
		if got := decodeAs[reporting.Tenant](t, b.want(200, "GET", base+userID, "")); got.Account != "new" || got.Mode != reporting.ModePaused {
			t.Errorf("new tenant %+v", got)
		}
		b.want(403, "PUT", base+tenantA, `{"account":"fabrikam","mode":"on"}`)
		faults := decodeAs[problem](t, b.want(422, "PUT", base+tenantA, `{"mode":"off-boarding"}`)).Faults
		if diff := cmp.Diff([]fault{{Field: "account", Problem: "is needed"}, {Field: "mode", Value: "off-boarding", Problem: "is not on, off, paused or report-only"}}, faults); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
		b.want(404, "GET", base+azure1, "")
		b.want(404, "GET", base+azure1+"/preview", "")
		b.want(404, "POST", base+azure1+"/approve", "")
		b.want(404, "POST", base+azure1+"/sync", "")
		b.want(404, "POST", base+azure1+"/off-board", "")
		b.want(400, "PUT", base+"contoso", `{"account":"contoso","mode":"on"}`)
	})
}

// Many removals at once wait until somebody says that they are meant.
func TestApprove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "")
		say := func(actions string) {
			var checkIns []string
			for n := range 30 {
				checkIns = append(checkIns, pc(fmt.Sprint("pc-", n), fmt.Sprintf("dddddddd-0000-4000-8000-%012d", n), actions))
			}
			b.want(200, "POST", "/v1/check-ins", `{"checkIns":[`+strings.Join(checkIns, ",")+`]}`)
			time.Sleep(time.Second) // virtual; what was seen later counts
			b.settle()
		}
		say(`[]`)
		say(`["retire"]`)
		base := "/v1/tenants/" + tenantA
		got := decodeAs[preview](t, b.want(200, "GET", base+"/preview", ""))
		if diff := cmp.Diff(preview{Held: 30, HeldBlocked: 30}, got); diff != "" {
			t.Errorf("preview (-want +got):\n%s", diff)
		}
		if n := len(linesOf[shownDevice](t, b.want(200, "GET", "/v1/devices?held=true", ""))); n != 30 {
			t.Errorf("%d devices are held", n)
		}
		if got := decodeAs[devices](t, b.want(200, "POST", base+"/approve", "")); got.Devices != 30 {
			t.Errorf("approved %+v", got)
		}
		b.settle()
		removed := 0
		for _, r := range b.azure.Accepted() {
			if r.State == compliance.StateRemoved {
				removed++
			}
		}
		if removed != 30 {
			t.Errorf("%d removals were sent, want 30", removed)
		}
	})
}

// An off-boarding says how far it is, and a second request goes on with it.
func TestOffBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filled(t)
		path := "/v1/tenants/" + tenantA + "/off-board"

		// The client goes away: nothing runs that could send anything.
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		w := httptest.NewRecorder()
		func() {
			defer func() { _ = recover() }() // it is cut off
			b.http.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "http://localhost"+path, nil))
		}()
		cancel()
		begun := linesOf[offBoarding](t, w.Body.String())
		if len(begun) < 2 || begun[len(begun)-1] != (offBoarding{Devices: 2}) {
			t.Errorf("begun: %+v", begun)
		}
		b.want(409, "PUT", "/v1/tenants/"+tenantA, `{"account":"contoso","mode":"on"}`)

		running, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.engine.Run(running) }()
		lines := linesOf[offBoarding](t, b.want(200, "POST", path, ""))
		stop()
		require.NoError(t, <-ended)
		if last := lines[len(lines)-1]; !last.Done || last.Devices != 0 { // Run may have closed them before the first look
			t.Errorf("the last line is %+v", last)
		}
		b.want(404, "GET", "/v1/tenants/"+tenantA, "")
		for _, id := range []string{azure1, azure2} {
			last := azure.Report{}
			for _, r := range b.azure.Accepted() {
				if r.DeviceID == id {
					last = r
				}
			}
			if last.State != compliance.StateRemoved || !last.KeepObject {
				t.Errorf("%s: the last report is %v, object kept %v", id, last.State, last.KeepObject)
			}
		}
	})
}
