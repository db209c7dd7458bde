package intune_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	canaryUser   = "xyzzy.user@contoso.example"
	canaryDevice = "XYZZY-PHONE-7"
)

// None of what must stay inside may show: user, device, token. The marks are in
// no name of a test, which a stack trace in the log shows.
func assertNoCanary(t *testing.T, what, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, canary := range []string{"xyzzy", "secret-token", strings.ToLower(url.QueryEscape(canaryUser))} {
		if strings.Contains(lower, canary) {
			t.Errorf("%s holds %q: %.500s", what, canary, text)
		}
	}
}

// User, device name and token are in no log, error, address, header, receipt
// or finding, whatever Microsoft answers.
func TestCanary(t *testing.T) {
	var mu sync.Mutex
	var logged []string
	log.SetListener(func(e log.Event, text string) {
		mu.Lock()
		defer mu.Unlock()
		logged = append(logged, string(e)+" "+text)
	})
	t.Cleanup(func() { log.SetListener(nil) })

	echo := `"` + canaryUser + ` ` + canaryDevice + ` ` + tokenMark + `"`
	echoes := `{"error":{"code":` + echo + `,"message":` + echo + `,"innerError":{"request-id":` + echo + `}},"ErrorCode":` + echo +
		`,"ErrorDetail":` + echo + `,"Status":` + echo + `,"HttpStatusCode":400,"Provisioned":0,"Id":` + echo +
		`,"value":[{"id":` + echo + `,"Platform":` + echo + `,"providerName":"PartnerDeviceDataSyncService","uri":"https://xyzzy.example/","partnerState":` + echo + `}],` +
		`"responses":[{"id":"1","status":500,"body":{"error":{"code":` + echo + `,"message":` + echo + `}}}]}`
	for _, what := range []string{"", "discovery", "users", "upload", "status", "provision", "policies"} {
		for _, answer := range []struct {
			status int
			body   string
			err    error
		}{
			{200, echoes, nil}, {400, echoes, nil}, {401, echoes, nil}, {403, echoes, nil}, {404, echoes, nil}, {429, echoes, nil}, {503, echoes, nil},
			{302, "", nil}, {200, canaryUser + canaryDevice, nil}, {0, "", fmt.Errorf("dial https://%s/%s %s%s", canaryUser, canaryDevice, "Bearer ", tokenMark)},
		} {
			m := newMicrosoft(t)
			m.users[tenantA+" "+canaryUser] = user1
			m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
				switch {
				case what == "" || !s.is(what):
					return nil, nil
				case answer.err != nil:
					return nil, answer.err
				}
				return reply(answer.status, answer.body, "Location", "https://xyzzy.example/?"+canaryUser), nil
			}
			r := m.reporter(t, &intune.Options{ClientOptions: policy.ClientOptions{Retry: once}})
			report := named(compliance.StateNonCompliant, canaryUser)
			report.Inventory.DeviceName = canaryDevice
			results := r.ReportBatch(t.Context(), []azure.Report{report})
			receipt, err := r.Report(t.Context(), report)
			results = append(results, azure.Result{Receipt: receipt, Err: err})
			checked, err := r.Check(t.Context(), azure.Receipt{Channel: "intune", TenantID: tenantA, DeviceID: device1, MessageID: message1})
			results = append(results, azure.Result{Receipt: checked, Err: err})
			_, err = r.EnsurePolicy(t.Context(), tenantA, azure.PlatformIOS, "name", "")
			results = append(results, azure.Result{Err: err}, azure.Result{Err: r.Provision(t.Context(), tenantA, pages)},
				azure.Result{Err: r.AssignPolicy(t.Context(), tenantA, group1, group1)})
			for i, result := range results {
				at := fmt.Sprintf("result %d of %s answered %d", i, what, answer.status)
				if result.Receipt.Failure != nil {
					result.Receipt.Failure.Detail = "" // Microsoft's own text, shown and never logged
				}
				text, err := json.Marshal(result.Receipt)
				require.NoError(t, err)
				assertNoCanary(t, at, fmt.Sprintf("%s %+v %#v", text, result.Receipt, result.Receipt))
				if result.Err != nil {
					assertNoCanary(t, at, fmt.Sprintf("%v %s", result.Err, result.Err))
				}
				// The device's name is told to the upload alone.
				if e, ok := errors.AsType[*azure.Error](result.Err); ok && (strings.Contains(e.Detail, canaryUser) || what == "upload" && strings.Contains(e.Detail, canaryDevice)) {
					t.Errorf("%s: the detail is %q", at, e.Detail)
				}
			}
			for _, f := range r.Preflight(t.Context(), tenantA, azure.PlatformIOS) {
				assertNoCanary(t, "a finding", f.Check+f.Saw+f.Advice)
			}
			for _, s := range m.requests {
				s.header.Del("Authorization")
				assertNoCanary(t, "a request", s.url+fmt.Sprint(s.header))
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(logged) == 0 {
		t.Error("nothing was logged: the listener hears nothing")
	}
	for _, line := range logged {
		assertNoCanary(t, "the log", line)
	}
}

// An id in whose place a host put a user's name is not repeated.
func TestCanaryInThePlaceOfAnID(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	_, check := r.Check(t.Context(), azure.Receipt{Channel: "intune", TenantID: canaryUser, MessageID: canaryUser})
	_, channel := r.Check(t.Context(), azure.Receipt{Channel: canaryUser})
	_, policy := r.EnsurePolicy(t.Context(), canaryUser, azure.PlatformIOS, "name", "")
	_, consent := consents(t).URL(t.Context(), "account", canaryUser)
	for _, err := range []error{check, channel, policy, consent,
		r.Provision(t.Context(), canaryUser, pages), r.Provision(t.Context(), tenantA, intune.Provisioning{EnrollmentURL: canaryUser}),
		r.AssignPolicy(t.Context(), tenantA, canaryUser, group1), r.AssignPolicy(t.Context(), tenantA, group1, canaryUser)} {
		require.Error(t, err)
		assertNoCanary(t, "an error", err.Error())
	}
}
