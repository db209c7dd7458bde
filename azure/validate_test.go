package azure_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	tenant = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80"
	device = "007c8232-9489-4074-9b35-345b16f0a72d"
	user   = "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"

	upn        = "anna.lind@contoso.example"
	deviceName = "ANNAS-LAPTOP"
)

// valid is a report without a fault, on Windows.
func valid() azure.Report {
	return azure.Report{
		TenantID: tenant,
		DeviceID: device,
		Platform: azure.PlatformWindows,
		State:    compliance.StateNonCompliant,
	}
}

// phone is a report without a fault, on the other channel.
func phone() azure.Report {
	r := valid()
	r.Platform, r.UserID = azure.PlatformIOS, user
	return r
}

func TestValidateAccepts(t *testing.T) {
	for name, change := range map[string]func(*azure.Report){
		"as it is":                  func(*azure.Report) {},
		"an id":                     func(r *azure.Report) { r.ID = user },
		"upper case":                func(r *azure.Report) { r.DeviceID = strings.ToUpper(device) },
		"compliant":                 func(r *azure.Report) { r.State = compliance.StateCompliant },
		"removed":                   func(r *azure.Report) { r.State, r.KeepObject = compliance.StateRemoved, true },
		"a user id":                 func(r *azure.Report) { r.UserID = user },
		"nobody reads the UPN":      func(r *azure.Report) { r.UserPrincipalName = "no\nuser" },
		"an id wins over a bad UPN": func(r *azure.Report) { *r = phone(); r.UserPrincipalName = "no user" },
		"a UPN alone":               func(r *azure.Report) { *r = phone(); r.UserID, r.UserPrincipalName = "", upn },
		"a guest's UPN": func(r *azure.Report) {
			*r = phone()
			r.UserID, r.UserPrincipalName = "", "anna_fabrikam.example#EXT#@contoso.example"
		},
		"a UPN with an apostrophe": func(r *azure.Report) {
			*r = phone()
			r.UserID, r.UserPrincipalName = "", "síle.o'brien@contoso.example"
		},
		"a trigger":                func(r *azure.Report) { r.Trigger = azure.TriggerSync },
		"times":                    func(r *azure.Report) { r.UpdatedAt = time.Unix(0, 0); r.LastCheckIn = time.Unix(0, 0) },
		"an impossible check-in":   func(r *azure.Report) { r.LastCheckIn = time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a name beyond all bounds": func(r *azure.Report) { r.Inventory.DeviceName = strings.Repeat("\x00ä", 1000) },
		"an unknown ownership":     func(r *azure.Report) { r.Inventory.Ownership = 99 },
	} {
		r := valid()
		change(&r)
		if err := r.Validate(); err != nil {
			t.Errorf("%s: Validate() = %v, want nil", name, err)
		}
	}
}

// Each fault refuses the report by itself, with its field and value named.
func TestValidateRefuses(t *testing.T) {
	long := strings.Repeat("5", 300)
	for _, tc := range []struct {
		change func(*azure.Report)
		want   string
	}{
		{func(r *azure.Report) { r.ID = "7" }, `ID "7" is not a GUID`},
		{func(r *azure.Report) { r.TenantID = "" }, `TenantID "" is not a GUID`},
		{func(r *azure.Report) { r.TenantID = "contoso.example" }, `TenantID "contoso.example" is not a GUID`},
		{func(r *azure.Report) { r.DeviceID = long }, `DeviceID "` + long[:40] + `"... (300 bytes) is not a GUID`},
		{func(r *azure.Report) { r.DeviceID = "00000000-0000-0000-0000-000000000000" }, `DeviceID "00000000-0000-0000-0000-000000000000" is not a GUID`},
		{func(r *azure.Report) { r.DeviceID = "a\nb" }, `DeviceID "a\nb" is not a GUID`},
		{func(r *azure.Report) { r.UserID = upn }, `UserID of 25 bytes is not a GUID`},
		{func(r *azure.Report) { r.Platform = 0 }, `Platform unspecified is not a platform`},
		{func(r *azure.Report) { r.Platform = 9 }, `Platform Platform(9) is not a platform`},
		{func(r *azure.Report) { *r = phone(); r.UserID = "" }, `UserID and UserPrincipalName are both empty; ios needs one`},
		{func(r *azure.Report) { *r = phone(); r.UserID, r.UserPrincipalName = "", "anna" }, `UserPrincipalName of 4 bytes is not a user principal name`},
		{func(r *azure.Report) { r.State = 0 }, `State is unspecified: a device that was not evaluated is not reported`},
		{func(r *azure.Report) { r.State = 77 }, `State State(77) is not a state`},
		{func(r *azure.Report) { r.Trigger = 50 }, `Trigger Trigger(50) is not a trigger`},
		{func(r *azure.Report) { r.UpdatedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }, `UpdatedAt in the year 10000 cannot be written`},
		{func(r *azure.Report) { r.UpdatedAt = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) }, `UpdatedAt in the year -5 cannot be written`},
	} {
		r := valid()
		tc.change(&r)
		err := r.Validate()
		e, ok := errors.AsType[*azure.Error](err)
		if !ok {
			t.Errorf("Validate() = %v, want an *azure.Error that says %s", err, tc.want)
			continue
		}
		want := "validate: invalid (device, not-sent): " + tc.want
		if diff := cmp.Diff(want, e.Error()); diff != "" {
			t.Errorf("Validate (-want +got):\n%s", diff)
		}
		if !errors.Is(err, azure.ErrInvalid) {
			t.Errorf("errors.Is(%v, ErrInvalid) = false", err)
		}
	}
}

func TestValidateUserPrincipalNames(t *testing.T) {
	for _, name := range []string{
		"anna", "@contoso.example", "anna@", "anna@contoso@example", "an na@contoso.example", "anna@contoso.example\n",
		"anna\x00@contoso.example", "anna\xff@contoso.example", strings.Repeat("a", 500) + "@contoso.example",
	} {
		r := phone()
		r.UserID, r.UserPrincipalName = "", name
		err := r.Validate()
		if err == nil {
			t.Errorf("Validate with the user principal name %q = nil, want a fault", name)
			continue
		}
		if strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Validate = %q, want one line without the name", err)
		}
	}
}

// All faults at once, on one line, and nobody's name in it.
func TestValidateNamesEveryFault(t *testing.T) {
	r := azure.Report{
		ID: "1", TenantID: "2", DeviceID: "3\n", UserID: "", UserPrincipalName: "anna lind@contoso.example",
		Platform: azure.PlatformAndroid, State: 9, Trigger: 9,
		Inventory: azure.Inventory{DeviceName: deviceName},
		UpdatedAt: time.Date(11_111, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	err := r.Validate()
	require.Error(t, err)
	want := `validate: invalid (device, not-sent): ID "1" is not a GUID; TenantID "2" is not a GUID; DeviceID "3\n" is not a GUID; ` +
		`UserPrincipalName of 25 bytes is not a user principal name; State State(9) is not a state; ` +
		`Trigger Trigger(9) is not a trigger; UpdatedAt in the year 11111 cannot be written`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("Validate (-want +got):\n%s", diff)
	}

	r = azure.Report{UserID: "x", UserPrincipalName: upn}
	for _, field := range []string{"TenantID", "DeviceID", "UserID", "Platform", "State"} {
		if got := r.Validate().Error(); !strings.Contains(got, field) {
			t.Errorf("Validate = %q does not name %s", got, field)
		}
	}
}
