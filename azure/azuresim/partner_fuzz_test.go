package azuresim

import (
	"encoding/json"
	"strings"
	"testing"
)

// One at a time, for example:
//
//	go test ./azure/azuresim -run '^$' -fuzz '^FuzzContent$' -fuzztime 60s

func FuzzContent(f *testing.F) {
	const tenant = "11111111-0000-4000-8000-000000000001"
	const inventory = `{"EntityType":1,"TenantId":"` + tenant + `","DeviceManagementState":"managed","DeviceId":"` + tenant + `","DeviceName":"a","UserId":"` + tenant +
		`","LastCheckInTime":"2026-01-31T10:00:00Z","LastUpdateTime":"2026-01-31T10:00:00Z","Os":"macOS","OsVersion":"1","EasIds":[],"State":0}`
	const compliance = `{"EntityType":4,"TenantId":"` + tenant + `","DeviceId":"` + tenant + `","UserId":"` + tenant +
		`","LastUpdateTime":"2026-01-31T10:00:00.5Z","complianceStatus":"compliant"}`
	for _, seed := range []string{
		"[" + inventory + "," + compliance + "]", "[" + strings.ReplaceAll(inventory, "00:00Z", "00:00.5Z") + "," + compliance + "]",
		"[]", "[{}]", "[null]", "[[", "{}", "", `[{"EntityType":1,"EntityType":4}]`, `[{"EntityType":1e0}]`, `[{"a":{"b":[1]}}]`,
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, content string, many bool) {
		reports, err := (&contentReader{tenantID: tenant, many: many}).read(content)
		if err != nil {
			if len(reports) != 0 || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%d reports beside %v", len(reports), err)
			}
			return
		}
		if len(reports) == 0 || !many && len(reports) > 1 {
			t.Fatalf("%d reports", len(reports))
		}
		// Whatever was taken is an array with two objects for each device.
		var entries []map[string]any
		if err := json.Unmarshal([]byte(content), &entries); err != nil || len(entries) != 2*len(reports) {
			t.Fatalf("%d entries for %d devices: %v", len(entries), len(reports), err)
		}
		seen := map[string]bool{}
		for _, r := range reports {
			if !isGUID(r.DeviceID) || !isGUID(r.UserID) || seen[r.DeviceID] || r.OS == "" || r.Compliant && !r.Managed ||
				r.LastUpdate.IsZero() || r.LastCheckIn.IsZero() || r.LastUpdate.Location().String() != "UTC" {
				t.Errorf("%+v", r)
			}
			seen[r.DeviceID] = true
		}
	})
}

func FuzzPartnerPath(f *testing.F) {
	const id = "11111111-0000-4000-8000-00000000000A"
	for _, seed := range []string{
		"/S/DataUploadMessages(guid'" + id + "')", "/PartnerTenants(guid'" + id + "')", "/S/PartnerCompliancePolicies",
		"/S/PartnerCompliancePolicies(guid'" + id + "')/Assign", "Assign", "/Assign", "//Assign", "/S/DataUploadMessages('", "",
		"/S/DataUploadMessages(guid'')", "DataUploadMessages", "/PartnerTenants(", "/v1.0/PartnerTenants(guid'" + id + "')/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		route, known := parsePartnerPath(path)
		if !known {
			if route != (partnerRoute{}) {
				t.Errorf("%+v of an unknown path", route)
			}
			return
		}
		if route.key != "" && (!route.keyed || !isGUID(route.key) || route.key != strings.ToLower(route.key)) {
			t.Errorf("key %q", route.key)
		}
		// Put together again it is the path, but for the letters of the key.
		again := route.base + "/" + route.resource
		switch {
		case route.key != "":
			again += "(guid'" + route.key + "')"
		case route.keyed:
			return // what was wrong with it is not kept
		}
		if route.action != "" {
			again += "/" + route.action
		}
		if !strings.EqualFold(again, path) {
			t.Errorf("%q became %q", path, again)
		}
	})
}
