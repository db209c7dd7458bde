package azure_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/status"
)

var accepted = time.Date(2026, 1, 31, 10, 0, 0, 123456789, time.UTC)

func TestReceiptJSON(t *testing.T) {
	for _, tc := range []struct {
		receipt azure.Receipt
		want    string
	}{
		{azure.Receipt{}, `{"channel":"","tenantId":"","deviceId":"","messageId":"","state":""}`},
		{
			azure.Receipt{Channel: "graph", TenantID: tenant, DeviceID: device, MessageID: user, State: status.Successful, AcceptedAt: accepted, Removal: azure.RemovalProtected, Attempts: 2, Notes: []string{"OSVersion: left out"}},
			`{"channel":"graph","tenantId":"` + tenant + `","deviceId":"` + device + `","messageId":"` + user + `","state":"Successful","acceptedAt":"2026-01-31T10:00:00.123456789Z","removal":"protected","attempts":2,"notes":["OSVersion: left out"]}`,
		},
		{
			azure.Receipt{Channel: "intune", State: status.Failed, Failure: &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, ErrorCode: "17", Err: errors.New("why")}},
			`{"channel":"intune","tenantId":"","deviceId":"","messageId":"","state":"Failed","failure":{"kind":"rejected","scope":"device","outcome":"refused","errorCode":"17","cause":"why"}}`,
		},
	} {
		text, err := json.Marshal(tc.receipt)
		require.NoError(t, err)
		if diff := cmp.Diff(tc.want, string(text)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		var got azure.Receipt
		require.NoError(t, json.Unmarshal(text, &got))
		if diff := cmp.Diff(tc.receipt, got, cmp.Comparer(func(a, b *azure.Error) bool {
			return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
		})); diff != "" {
			t.Errorf("JSON round trip (-want +got):\n%s", diff)
		}
	}
}

func TestReceiptLog(t *testing.T) {
	r := azure.Receipt{
		Channel: "graph", TenantID: tenant, DeviceID: device, MessageID: user, State: status.Successful, AcceptedAt: accepted,
		Removal: azure.RemovalMarked, Failure: &azure.Error{Kind: azure.ErrForbidden},
	}
	for _, shown := range everyLog(r) {
		for _, want := range []string{"graph", tenant, device, user, "Successful", "2026-01-31", "marked", "forbidden"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the log of a receipt lacks %s: %s", want, shown)
			}
		}
	}
	for _, shown := range everyLog(azure.Result{Receipt: azure.Receipt{Channel: "graph", State: status.InProgress}}) {
		if !strings.Contains(shown, "In-progress") || strings.Contains(shown, "removal") || strings.Contains(shown, "failure") {
			t.Errorf("the log of a plain result: %s", shown)
		}
	}
}
