package intune_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// The message, byte by byte. The world begins at 2000-01-01T00:00:00Z.
func TestMessage(t *testing.T) {
	const (
		head = `{"TenantId":"` + tenantA + `","UploadTime":"2000-01-01T00:00:00Z","Content":"[`
		ids  = `\"DeviceId\":\"` + device1 + `\",`
		user = `\"UserId\":\"` + user1 + `\",`
		one  = `{\"EntityType\":1,\"TenantId\":\"` + tenantA + `\",`
		four = `{\"EntityType\":4,\"TenantId\":\"` + tenantA + `\",` + ids + user
	)
	// In another zone and with a fraction of a second.
	updated := time.Date(2026, 1, 31, 12, 0, 0, 999, time.FixedZone("", 2*60*60))
	for _, tc := range []struct {
		name   string
		report azure.Report
		want   string
	}{
		{
			"everything is known",
			azure.Report{
				Platform: azure.PlatformMacOS, State: compliance.StateCompliant, UpdatedAt: updated, LastCheckIn: updated.Add(-time.Minute),
				Inventory: azure.Inventory{DeviceName: `Anna's "Mac" \ <1>`, OSVersion: "15.3.1", Ownership: azure.OwnershipCompany},
			},
			head + one + `\"DeviceManagementState\":\"managed\",` + ids + `\"DeviceName\":\"Anna's \\\"Mac\\\" \\\\ \\u003c1\\u003e\",` + user +
				`\"LastCheckInTime\":\"2026-01-31T09:59:00Z\",\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"Os\":\"macOS\",\"OsVersion\":\"15.3.1\",\"EasIds\":[],\"State\":0},` +
				four + `\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"complianceStatus\":\"compliant\"}]"}`,
		},
		{
			"nothing beyond the standing",
			azure.Report{Platform: azure.PlatformIOS, State: compliance.StateNonCompliant},
			head + one + `\"DeviceManagementState\":\"managed\",` + ids + `\"DeviceName\":\"\",` + user +
				`\"LastCheckInTime\":\"2000-01-01T00:00:00Z\",\"LastUpdateTime\":\"2000-01-01T00:00:00Z\",\"Os\":\"iOS\",\"OsVersion\":\"\",\"EasIds\":[],\"State\":0},` +
				four + `\"LastUpdateTime\":\"2000-01-01T00:00:00Z\",\"complianceStatus\":\"notCompliant\"}]"}`,
		},
		{
			"a removal",
			azure.Report{Platform: azure.PlatformIPadOS, State: compliance.StateRemoved, UpdatedAt: updated},
			head + one + `\"DeviceManagementState\":\"notManaged\",` + ids + `\"DeviceName\":\"\",` + user +
				`\"LastCheckInTime\":\"2026-01-31T10:00:00Z\",\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"Os\":\"iPadOS\",\"OsVersion\":\"\",\"EasIds\":[],\"State\":0},` +
				four + `\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"complianceStatus\":\"notCompliant\"}]"}`,
		},
		{
			"an Os text of the host's",
			azure.Report{Platform: azure.PlatformAndroid, State: compliance.StateCompliant, UpdatedAt: updated},
			head + one + `\"DeviceManagementState\":\"managed\",` + ids + `\"DeviceName\":\"\",` + user +
				`\"LastCheckInTime\":\"2026-01-31T10:00:00Z\",\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"Os\":\"AndroidEnterprise\",\"OsVersion\":\"\",\"EasIds\":[],\"State\":0},` +
				four + `\"LastUpdateTime\":\"2026-01-31T10:00:00Z\",\"complianceStatus\":\"compliant\"}]"}`,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			r := m.reporter(t, &intune.Options{OSTexts: map[azure.Platform]string{azure.PlatformAndroid: "AndroidEnterprise"}})
			tc.report.TenantID, tc.report.DeviceID, tc.report.UserID, tc.report.ID = tenantA, device1, user1, message1
			_, err := r.Report(t.Context(), tc.report)
			require.NoError(t, err)
			put := m.of("upload")[0]
			if diff := cmp.Diff(tc.want, put.body); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
			want := "https://fef.8a4e7f4c.manage.microsoft.com/StatelessDevice/DataUploadMessages(guid'" + message1 + "')?api-version=1.2"
			if put.url != want || put.method != "PUT" || put.header.Get("Content-Type") != "application/json" || put.header.Get("client-request-id") != message1 {
				t.Errorf("%s %s with %v, want %s", put.method, put.url, put.header, want)
			}
		})
	}
}

// Every platform has its own text by default.
func TestOSTexts(t *testing.T) {
	for p, want := range map[azure.Platform]string{
		azure.PlatformMacOS: "macOS", azure.PlatformIOS: "iOS", azure.PlatformIPadOS: "iPadOS", azure.PlatformAndroid: "Android",
	} {
		m := newMicrosoft(t)
		report := report1(compliance.StateCompliant)
		report.Platform = p
		_, err := m.reporter(t, nil).Report(t.Context(), report)
		require.NoError(t, err)
		if got := m.devices[tenantA+" "+device1].OS; got != want {
			t.Errorf("%v: Os is %q, want %q", p, got, want)
		}
	}
}

// A receipt is in progress and tells what was accepted.
func TestReceipt(t *testing.T) {
	for state, removal := range map[compliance.State]string{compliance.StateCompliant: "", compliance.StateNonCompliant: "", compliance.StateRemoved: `,"removal":"marked"`} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			report := report1(state)
			report.ID = "D3B07384-D9A0-4C1F-8A8E-0242AC120002"
			receipt, err := m.reporter(t, nil).Report(t.Context(), report)
			require.NoError(t, err)
			text, err := json.Marshal(receipt)
			require.NoError(t, err)
			want := `{"channel":"intune","tenantId":"` + tenantA + `","deviceId":"` + device1 + `","messageId":"` + message1 +
				`","state":"In-progress","acceptedAt":"2000-01-01T00:00:00Z"` + removal + `,"attempts":1}`
			if diff := cmp.Diff(want, string(text)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", state, diff)
			}
		})
	}
}

// A Windows device is sent to the other channel, and nothing to Microsoft.
func TestWindows(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	report := report1(compliance.StateCompliant)
	report.Platform = azure.PlatformWindows
	_, err := r.Report(t.Context(), report)
	if got := summary(err); got != "unsupported (device, not-sent)" || m.calls() != 0 {
		t.Errorf("%s after %d calls", got, m.calls())
	}
	all := azure.Inventory{DeviceName: "Mac", OSVersion: "15", Ownership: azure.OwnershipCompany}
	for p, want := range map[azure.Platform]azure.Inventory{
		azure.PlatformWindows: {}, azure.PlatformUnspecified: {}, azure.PlatformMacOS: {DeviceName: "Mac", OSVersion: "15"},
	} {
		if diff := cmp.Diff(want, r.CarriedInventory(p, all)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", p, diff)
		}
	}
}
