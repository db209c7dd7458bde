package azure_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// named is a report in which every name stands.
func named() azure.Report {
	r := phone()
	r.ID = user
	r.UserPrincipalName = upn
	r.Inventory = azure.Inventory{DeviceName: deviceName, OSVersion: "17.5", Ownership: azure.OwnershipCompany}
	r.Trigger = azure.TriggerRefresh
	r.LastCheckIn, r.UpdatedAt = accepted, accepted
	return r
}

// Neither fmt nor slog shows who uses a device.
func TestNoNamesAreShown(t *testing.T) {
	r := named()
	mixedUp := valid()
	mixedUp.DeviceID, mixedUp.TenantID, mixedUp.ID = upn, upn, upn
	for name, v := range map[string]any{
		"report": r, "pointer to a report": &r, "inventory": r.Inventory, "pointer to an inventory": &r.Inventory,
		"columns mixed up": mixedUp, "receipt": azure.Receipt{TenantID: tenant}, "struct": struct{ R azure.Report }{r},
	} {
		shapes := everyShape(v)
		if name == "struct" {
			// slog asks a value, not what it holds, and writes JSON: said
			// in the comment of Report.LogValue.
			shapes = shapes[2:]
		}
		for _, shown := range shapes {
			if strings.Contains(shown, upn) || strings.Contains(shown, "anna") || strings.Contains(shown, deviceName) {
				t.Errorf("%s shows a name: %s", name, shown)
			}
		}
	}
}

func TestReportString(t *testing.T) {
	zero, odd := azure.Report{}, valid()
	odd.DeviceID, odd.TenantID, odd.ID = "a\nb", upn, strings.Repeat("z", 50)
	for _, tc := range []struct {
		report azure.Report
		want   string
	}{
		{named(), "report " + user + ": tenant " + tenant + ", device " + device + ", ios, non-compliant, refresh"},
		{zero, "report -: tenant -, device -, unspecified, unspecified, unspecified"},
		{odd, `report "` + strings.Repeat("z", 40) + `"... (50 bytes): tenant of 25 bytes, device "a\nb", windows, non-compliant, unspecified`},
	} {
		if diff := cmp.Diff(tc.want, tc.report.String()); diff != "" {
			t.Errorf("String (-want +got):\n%s", diff)
		}
		if got := fmt.Sprintf("%#v", tc.report); got != tc.want {
			t.Errorf("%%#v = %s, want %s", got, tc.want)
		}
	}
	for _, shown := range everyLog(named()) {
		for _, want := range []string{tenant, device, user, "ios", "non-compliant", "refresh"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the log of a report lacks %s: %s", want, shown)
			}
		}
	}
	want := `inventory: name of 12 bytes, version "17.5", company`
	if got := named().Inventory.String(); got != want {
		t.Errorf("Inventory.String() = %s, want %s", got, want)
	}
}

func TestReportJSON(t *testing.T) {
	for _, tc := range []struct {
		report azure.Report
		want   string
	}{
		{azure.Report{}, `{"tenantId":"","deviceId":"","platform":"","state":""}`},
		{named(), `{"id":"` + user + `","tenantId":"` + tenant + `","deviceId":"` + device + `","userId":"` + user + `","userPrincipalName":"` + upn + `","platform":"ios","state":"non-compliant",` +
			`"inventory":{"deviceName":"` + deviceName + `","osVersion":"17.5","ownership":"company"},"trigger":"refresh","lastCheckIn":"2026-01-31T10:00:00.123456789Z","updatedAt":"2026-01-31T10:00:00.123456789Z"}`},
		{azure.Report{State: compliance.StateRemoved, KeepObject: true}, `{"tenantId":"","deviceId":"","platform":"","state":"removed","keepObject":true}`},
	} {
		text, err := json.Marshal(tc.report)
		require.NoError(t, err)
		if diff := cmp.Diff(tc.want, string(text)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		var got azure.Report
		require.NoError(t, json.Unmarshal(text, &got))
		// == tells every field, where cmp would ask the String method.
		if got != tc.report {
			t.Errorf("JSON round trip of %s = %v", text, got)
		}
	}
}

// Verification is plain data: what was not read is not written.
func TestVerificationJSON(t *testing.T) {
	for want, v := range map[string]azure.Verification{
		`{"verdict":"absent"}`: {Verdict: azure.VerdictAbsent},
		`{"verdict":"mismatch","mismatches":["isCompliant"],"device":{"objectId":"` + user + `","trustType":"ServerAd","isCompliant":false}}`: {
			Verdict: azure.VerdictMismatch, Mismatches: []string{"isCompliant"},
			Device: azure.EntraDevice{ObjectID: user, TrustType: "ServerAd", IsCompliant: new(false)},
		},
	} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		var got azure.Verification
		require.NoError(t, json.Unmarshal(text, &got))
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("JSON round trip (-want +got):\n%s", diff)
		}
	}
}
