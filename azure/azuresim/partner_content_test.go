package azuresim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// partnerVerdict is what an answer of the device service says inside.
type partnerVerdict struct {
	Status, ErrorCode, ErrorDetail string
}

func (r reply) inside(t testing.TB) partnerVerdict {
	t.Helper()
	var v struct {
		Status                 string
		ErrorCode, ErrorDetail *string
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v: %d %s", err, r.status, r.body)
	}
	said := partnerVerdict{Status: v.Status}
	if v.ErrorCode != nil {
		said.ErrorCode = *v.ErrorCode
	}
	if v.ErrorDetail != nil {
		said.ErrorDetail = *v.ErrorDetail
	}
	return said
}

// edit replaces text that has to be there.
func edit(t testing.TB, text, old, replacement string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not in %s", old, text)
	}
	return strings.Replace(text, old, replacement, 1)
}

func TestContent(t *testing.T) {
	good := content(standing{managed: true, compliant: true})
	// The entries are written with their members in the order of the alphabet.
	inventory, compliance, _ := strings.Cut(strings.Trim(good, "[]"), "},")
	inventory += "}"
	replace := func(old, replacement string) func(testing.TB) string {
		return func(t testing.TB) string { return edit(t, good, old, replacement) }
	}
	whole := func(text string) func(testing.TB) string { return func(testing.TB) string { return text } }
	tests := []struct {
		name    string
		content func(testing.TB) string
		detail  string // empty: accepted
	}{
		{"good", whole(good), ""},
		{"compliance first", whole("[" + compliance + "," + inventory + "]"), ""},
		{"blank around", whole(" " + good + "\n"), ""},
		{"ids in capitals", replace(partnerMac, strings.ToUpper(partnerMac)), ""},
		{"fractions of a second", whole(strings.ReplaceAll(good, "10:00:00Z", "10:00:00.1234567Z")), ""},
		{"one time written in two ways", replace(`10:00:00Z`, `10:00:00.000Z`), ""},
		{"blank name", replace(`"MAC-1"`, `""`), ""},
		{"something in EasIds", replace(`"EasIds":[]`, `"EasIds":["x"]`), ""},

		{"not an array", whole(`{}`), "Content is no JSON array"},
		{"null", whole(`null`), "Content is no JSON array"},
		{"blank", whole(` `), "Content is no JSON array"},
		{"cut off", whole(good[:len(good)-1]), "Content is no JSON array"},
		{"more behind", whole(good + "x"), "Content is no JSON array"},
		{"empty", whole(`[]`), "Content is empty"},
		{"array of arrays", whole(`[[]]`), "Content[0] is no JSON object"},
		{"array of null", whole(`[null]`), "Content[0] is no JSON object"},
		{"inventory alone", whole("[" + inventory + "]"), "EntityTypes 1 and 4"},
		{"compliance alone", whole("[" + compliance + "]"), "EntityTypes 1 and 4"},
		{"inventory twice", whole("[" + inventory + "," + inventory + "," + compliance + "]"), "Content[1].EntityType comes twice"},
		{"compliance twice", whole("[" + compliance + "," + compliance + "]"), "Content[1].EntityType comes twice"},
		{"member twice", replace(`"State":0`, `"State":0,"State":0`), "Content[0].State comes twice"},
		{"unknown member", replace(`"State":0`, `"State":0,"Model":"x"`), `Content[0]."Model"`},
		{"unknown kind", replace(`"EntityType":4`, `"EntityType":5`), "Content[1].EntityType has a value"},
		{"kind as text", replace(`"EntityType":1`, `"EntityType":"1"`), "Content[0].EntityType is no whole number"},
		{"kind as fraction", replace(`"EntityType":1`, `"EntityType":1.0`), "Content[0].EntityType is no whole number"},
		{"no kind", replace(`"EntityType":1,`, ``), "Content[0].EntityType is missing"},
		{"capital of complianceStatus", replace(`"complianceStatus"`, `"ComplianceStatus"`), "Content[1].complianceStatus is missing"},
		{"small letter of EasIds", replace(`"EasIds"`, `"easIds"`), "Content[0].EasIds is missing"},
		{"no EasIds", replace(`"EasIds":[],`, ``), "Content[0].EasIds is missing"},
		{"EasIds null", replace(`"EasIds":[]`, `"EasIds":null`), "Content[0].EasIds is no array"},
		{"EasIds of numbers", replace(`"EasIds":[]`, `"EasIds":[1]`), "Content[0].EasIds is no array"},
		{"EasIds of null", replace(`"EasIds":[]`, `"EasIds":[null]`), "Content[0].EasIds is no array"},
		{"no State", replace(`,"State":0`, ``), "Content[0].State is missing"},
		{"other State", replace(`"State":0`, `"State":1`), "Content[0].State has a value"},
		{"State null", replace(`"State":0`, `"State":null`), "Content[0].State is no whole number"},
		{"no name", replace(`"DeviceName":"MAC-1",`, ``), "Content[0].DeviceName is missing"},
		{"name null", replace(`"MAC-1"`, `null`), "Content[0].DeviceName is no text"},
		{"name as number", replace(`"MAC-1"`, `1`), "Content[0].DeviceName is no text"},
		{"blank Os", replace(`"macOS"`, `" "`), "Content[0].Os is blank"},
		{"no OsVersion", replace(`"OsVersion":"15.3.1",`, ``), "Content[0].OsVersion is missing"},
		{"other management state", replace(`"managed"`, `"Managed"`), "Content[0].DeviceManagementState is none of managed, notManaged"},
		{"other compliance", replace(`"compliant"`, `"Compliant"`), "Content[1].complianceStatus is none of compliant, notCompliant"},
		{"compliance as flag", replace(`"compliant"`, `true`), "Content[1].complianceStatus is no text"},
		{"compliant and not managed", replace(`"managed"`, `"notManaged"`), "both notManaged and compliant"},
		{"device id", replace(partnerMac, "x"), "Content[0].DeviceId is no GUID"},
		{"user id", replace(`"UserId":"`+partnerUser, `"UserId":"ada@contoso.example`), "Content[0].UserId is no GUID"},
		{"no user id", replace(`"UserId":"`+partnerUser+`"`, `"UserId":""`), "Content[0].UserId is no GUID"},
		{"other tenant", replace(partnerTenant, partnerUser), "Content[0].TenantId is not the tenant"},
		{"two users", whole("[" + inventory + "," + strings.Replace(compliance, partnerUser, partnerGroup, 1) + "]"), "Content[1].UserId differs"},
		{"two times", whole("[" + inventory + "," + strings.Replace(compliance, "10:00:00Z", "10:00:01Z", 1) + "]"), "Content[1].LastUpdateTime differs"},
		{"time with an offset", replace(`10:00:00Z`, `10:00:00+00:00`), "Content[0].LastUpdateTime is no time"},
		{"time with an offset of minus zero", replace(`10:00:00Z`, `10:00:00-00:00`), "Content[0].LastUpdateTime is no time"},
		{"time without a zone", replace(`10:00:00Z`, `10:00:00`), "Content[0].LastUpdateTime is no time"},
		{"time with a blank", replace(`2026-01-31T10`, `2026-01-31 10`), "Content[0].LastUpdateTime is no time"},
		{"time in small letters", replace(`10:00:00Z`, `10:00:00z`), "Content[0].LastUpdateTime is no time"},
		{"zero time", replace(`2026-01-31T09`, `0001-01-01T09`), "Content[0].LastCheckInTime is no time"},
		{"time with a comma", replace(`09:00:00Z`, `09:00:00,5Z`), "Content[0].LastCheckInTime is no time"},
		{"two devices", whole(content(standing{managed: true}, standing{device: partnerPhone, system: "iOS", managed: true})), "several devices"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			w.sim.Provision(partnerTenant, w.app.ClientID)
			r := w.upload(t, messageA, test.content(t))
			got := r.inside(t)
			if r.status != 200 {
				t.Errorf("HTTP status %d", r.status)
			}
			m, kept := w.sim.PartnerMessage(partnerTenant, messageA)
			if test.detail == "" {
				if got.ErrorCode != "202" || !kept {
					t.Fatalf("it was refused: %+v", got)
				}
				if r := m.Reports[0]; !r.Compliant || !r.Managed || r.OS != "macOS" || r.DeviceID != partnerMac {
					t.Errorf("it was read as %+v", r)
				}
				return
			}
			if got.ErrorCode != "400" || !strings.Contains(got.ErrorDetail, test.detail) || kept {
				t.Errorf("got %+v, kept %v; want 400 with %q", got, kept, test.detail)
			}
		})
	}
}

func TestEnvelope(t *testing.T) {
	good := envelope(content(standing{managed: true}))
	tests := []struct {
		name, body, code, detail string
	}{
		{"no object", `[]`, "400", "the body is no JSON object"},
		{"no JSON", `{`, "400", "the body is no JSON object"},
		{"cut off in a value", `{"a":`, "400", "the body is no JSON object"},
		{"no member name", `{1:2}`, "400", "the body is no JSON object"},
		{"two documents", good + good, "400", "the body is no JSON object"},
		{"Content as an array", `{"TenantId":"` + partnerTenant + `","UploadTime":"2026-01-31T10:00:00Z","Content":[]}`, "400", "Content is no text"},
		{"no Content", `{"TenantId":"` + partnerTenant + `","UploadTime":"2026-01-31T10:00:00Z"}`, "400", "Content is missing"},
		{"other tenant", strings.Replace(good, partnerTenant, partnerUser, 1), "400", "TenantId is not the tenant"},
		{"no tenant", strings.Replace(good, partnerTenant, "", 1), "400", "TenantId is no"},
		{"letter case", strings.Replace(good, `"TenantId"`, `"tenantId"`, 1), "400", "TenantId is missing"},
		{"time", strings.Replace(good, "10:00:00Z", "25:00:00Z", 1), "400", "UploadTime is no time"},
		{"one member more", strings.Replace(good, `{"TenantId"`, `{"Id":1,"TenantId"`, 1), "400", `"Id" is no member`},
		{"one member twice", strings.Replace(good, `{"TenantId"`, `{"TenantId":"x","TenantId"`, 1), "400", `TenantId comes twice`},
		{"too long", envelope(content(standing{managed: true, name: strings.Repeat("x", 2000)})), "413", "Content is too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{RefusalStatus: 422, MaxContentBytes: 2000}})
			w.sim.Provision(partnerTenant, w.app.ClientID)
			r := w.call(t, http.MethodPut, w.devices(t)+"/DataUploadMessages(guid'"+messageA+"')?api-version=1.2", test.body)
			if got := r.inside(t); r.status != 422 || got.ErrorCode != test.code || !strings.Contains(got.ErrorDetail, test.detail) {
				t.Errorf("got %d %+v, want 422 %s %q", r.status, got, test.code, test.detail)
			}
		})
	}
}

// Two devices in one message, where the settings allow it; one of them fails.
func TestManyDevices(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{ManyDevices: true}})
	w.sim.Provision(partnerTenant, w.app.ClientID)
	w.upload(t, messageA, content(standing{managed: true}, standing{device: partnerPhone, system: "iOS", managed: true, compliant: true}))
	if got := w.status(t, messageA).inside(t); got.Status != "Completed" {
		t.Errorf("both good: %+v", got)
	}
	if e, found := w.sim.PartnerStanding(partnerTenant, partnerPhone); !found || !e.Report.Compliant {
		t.Errorf("the phone: %+v", e)
	}
	w.upload(t, messageB, content(standing{device: partnerGroup, managed: true}, standing{device: partnerPhone, system: "iOS", updated: "2026-02-01T00:00:00Z"}))
	if got := w.status(t, messageB).inside(t); got.Status != "Failed" || got.ErrorCode != "404" {
		t.Errorf("one is unknown: %+v", got)
	}
	if e, _ := w.sim.PartnerStanding(partnerTenant, partnerPhone); e.MessageID != messageB {
		t.Errorf("the phone's standing is of %s", e.MessageID)
	}
}
