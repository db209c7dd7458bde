package intune_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// outcomes is what became of a batch, one line a result.
func outcomes(results []azure.Result) []string {
	all := make([]string, len(results))
	for i, r := range results {
		all[i] = "accepted"
		if r.Err != nil {
			all[i] = summary(r.Err)
		}
	}
	return all
}

// Reports of one device go one after the other; of others at once, up to the
// bound.
func TestBatchOrderAndBound(t *testing.T) {
	for _, tc := range []struct{ option, want, perMessage int }{{0, 8, 1}, {3, 3, 1}, {100, 40, 1}, {4, 4, 5}} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			var mu sync.Mutex
			now, most := 0, 0
			count := func(n int) {
				mu.Lock()
				defer mu.Unlock()
				now += n
				most = max(most, now)
			}
			m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
				if s.is("upload") {
					count(1)
					time.Sleep(time.Second)
					count(-1)
				}
				return nil, nil
			}
			r := m.reporter(t, &intune.Options{MessagesInFlight: tc.option, DevicesPerMessage: tc.perMessage})
			base := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
			var reports []azure.Report
			for round := range 3 {
				for _, report := range numbered(tenantA, 40) {
					report.UpdatedAt, report.Inventory.OSVersion = base.Add(time.Duration(round)*time.Second), fmt.Sprint(round)
					reports = append(reports, report)
				}
			}
			given := slices.Clone(reports)
			results := r.ReportBatch(t.Context(), reports)
			for i, result := range results {
				if result.Err != nil || result.Receipt.DeviceID != given[i].DeviceID {
					t.Errorf("result %d: %+v, %v", i, result.Receipt, result.Err)
				}
			}
			if diff := cmp.Diff(given, reports); diff != "" {
				t.Errorf("the reports changed (-want +got):\n%s", diff)
			}
			if most != tc.want {
				t.Errorf("%d messages in flight, want %d", most, tc.want)
			}
			sent := map[string][]string{}
			for _, s := range m.of("upload") {
				for _, part := range strings.Split(s.body, `\"EntityType\":1,`)[1:] {
					device := strings.Split(strings.Split(part, `\"DeviceId\":\"`)[1], `\"`)[0]
					sent[device] = append(sent[device], strings.Split(strings.Split(part, `\"OsVersion\":\"`)[1], `\"`)[0])
				}
			}
			for device, rounds := range sent {
				if diff := cmp.Diff([]string{"0", "1", "2"}, rounds); diff != "" {
					t.Errorf("device %s (-want +got):\n%s", device, diff)
				}
			}
			if len(sent) != 40 {
				t.Errorf("%d devices, want 40", len(sent))
			}
		})
	}
}

// One bad report costs the others nothing, alone in a message or among others.
func TestBatchBadAmongGood(t *testing.T) {
	for _, perMessage := range []int{1, 2, 10} {
		m := newMicrosoft(t)
		m.users[tenantA+" "+upn1] = user1
		reports := numbered(tenantA, 7)
		reports[0].UserID, reports[0].UserPrincipalName = "", upn1
		reports[1].DeviceID = "17"
		reports[2].UserID, reports[2].UserPrincipalName = "", "nobody@contoso.example"
		reports[4].Platform = azure.PlatformWindows
		reports[5].State = compliance.StateUnspecified
		reports[6].TenantID = tenantB
		results := m.reporter(t, &intune.Options{DevicesPerMessage: perMessage}).ReportBatch(t.Context(), reports)
		want := []string{"accepted", "invalid (device, not-sent)", "user_not_found (device, not-sent)", "accepted",
			"unsupported (device, not-sent)", "invalid (device, not-sent)", "accepted"}
		if diff := cmp.Diff(want, outcomes(results)); diff != "" {
			t.Errorf("%d a message (-want +got):\n%s", perMessage, diff)
		}
		for _, i := range []int{0, 3, 6} {
			if got := results[i].Receipt.DeviceID; got != reports[i].DeviceID || results[i].Receipt.TenantID != reports[i].TenantID {
				t.Errorf("%d a message: result %d is of device %s", perMessage, i, got)
			}
		}
	}
}

// Where a message may carry several devices it does, of one tenant; its id is
// that of its first report, and its verdict that of all.
func TestDevicesPerMessage(t *testing.T) {
	m := newMicrosoft(t)
	reports := slices.Concat(numbered(tenantA, 5), numbered(tenantB, 2))
	for i := range reports {
		reports[i].ID = fmt.Sprintf("d3b07384-d9a0-4c1f-8a8e-%012x", i+1)
	}
	r := m.reporter(t, &intune.Options{DevicesPerMessage: 3})
	results := r.ReportBatch(t.Context(), reports)
	var ids []string
	for _, result := range results {
		require.NoError(t, result.Err)
		ids = append(ids, result.Receipt.MessageID[len(result.Receipt.MessageID)-1:])
		settled, err := r.Check(t.Context(), result.Receipt)
		require.NoError(t, err)
		if settled.State.String() != "Successful" || settled.DeviceID != result.Receipt.DeviceID {
			t.Errorf("%+v", settled)
		}
	}
	if diff := cmp.Diff([]string{"1", "1", "1", "4", "4", "6", "6"}, ids); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if n := m.count("upload"); n != 3 || len(m.devices) != 7 {
		t.Errorf("%d uploads of %d devices, want 3 and 7", n, len(m.devices))
	}

	m.hook = answering("upload", 200, `{"ErrorCode":"9"}`)
	results = r.ReportBatch(t.Context(), reports[:3])
	want := slices.Repeat([]string{"rejected (device, refused)"}, 3)
	if diff := cmp.Diff(want, outcomes(results)); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if results[0].Err == results[1].Err {
		t.Error("two results share one error")
	}
}

// A batch whose context ends answers everything, and sends nothing more.
func TestBatchCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if s.is("upload") {
				select {
				case <-time.After(time.Second):
				case <-s.ctx.Done():
					return nil, s.ctx.Err()
				}
			}
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		results := m.reporter(t, &intune.Options{MessagesInFlight: 2}).ReportBatch(ctx, numbered(tenantA, 20))
		want := slices.Concat(slices.Repeat([]string{"accepted"}, 4), slices.Repeat([]string{"canceled (device, unknown)"}, 2),
			slices.Repeat([]string{"canceled (device, not-sent)"}, 14))
		if diff := cmp.Diff(want, outcomes(results)); diff != "" || m.count("upload") != 6 {
			t.Errorf("%d uploads (-want +got):\n%s", m.count("upload"), diff)
		}
	})
}

func TestBatchEmpty(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	invalid := []azure.Report{{}, {}}
	if len(r.ReportBatch(t.Context(), nil)) != 0 || len(r.ReportBatch(t.Context(), invalid)) != 2 || m.calls() != 0 {
		t.Errorf("%d calls", m.calls())
	}
}
