package azuresim_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestPatchDevice(t *testing.T) {
	const notWindows = "Properties other than ExtendedAttribute1..15 can be modified only on windows devices."
	tests := []struct {
		name    string
		device  azuresim.Device
		blessed bool // the application is an approved MDM
		body    string
		want    verdict
		message string
		after   func(d *azuresim.Device) // what has changed
	}{
		{name: "both", blessed: true, body: `{"isManaged":true,"isCompliant":false}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.IsManaged, d.IsCompliant = new(true), new(false) }},
		{name: "all that is writable", blessed: true,
			body: `{"isManaged":false,"isCompliant":true,"displayName":"N","operatingSystem":"Windows","operatingSystemVersion":"10.0.1","accountEnabled":false,"extensionAttributes":{"extensionAttribute1":"a","extensionAttribute15":"b"}}`,
			want: verdict{204, ""},
			after: func(d *azuresim.Device) {
				d.IsManaged, d.IsCompliant, d.DisplayName, d.OperatingSystemVersion, d.Disabled = new(false), new(true), "N", "10.0.1", true
				d.ExtensionAttributes = map[string]string{"extensionAttribute1": "a", "extensionAttribute15": "b"}
			}},
		{name: "as the SDK writes it", blessed: true, body: `{"@odata.type":"#microsoft.graph.device","isCompliant":true}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.IsCompliant = new(true) }},
		{name: "nothing", blessed: true, body: `{}`, want: verdict{204, ""}},
		{name: "read-only", blessed: true, body: `{"mdmAppId":"x"}`, want: verdict{400, "Request_BadRequest"}},
		{name: "read-only managementType", blessed: true, body: `{"managementType":"mdm"}`, want: verdict{400, "Request_BadRequest"}},
		{name: "read-only isRooted", blessed: true, body: `{"isRooted":false}`, want: verdict{400, "Request_BadRequest"}},
		{name: "unknown", blessed: true, body: `{"compliant":true}`, want: verdict{400, "Request_BadRequest"}},
		{name: "case matters", blessed: true, body: `{"iscompliant":true}`, want: verdict{400, "Request_BadRequest"}},
		{name: "null", blessed: true, body: `{"isCompliant":null}`, want: verdict{400, "Request_BadRequest"}},
		{name: "null text", blessed: true, body: `{"displayName": null }`, want: verdict{400, "Request_BadRequest"}},
		{name: "flag as text", blessed: true, body: `{"isCompliant":"true"}`, want: verdict{400, "Request_BadRequest"}},
		{name: "text as number", blessed: true, body: `{"displayName":1}`, want: verdict{400, "Request_BadRequest"}},
		{name: "all or nothing", blessed: true, body: `{"isCompliant":true,"zzz":1}`, want: verdict{400, "Request_BadRequest"}},
		{name: "name of 256", blessed: true, body: `{"displayName":"` + strings.Repeat("ä", 256) + `"}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.DisplayName = strings.Repeat("ä", 256) }},
		{name: "name of 257", blessed: true, body: `{"displayName":"` + strings.Repeat("ä", 257) + `"}`, want: verdict{400, "Request_BadRequest"}},
		{name: "array", blessed: true, body: `[]`, want: verdict{400, "Request_BadRequest"}},
		{name: "null body", blessed: true, body: `null`, want: verdict{400, "Request_BadRequest"}},
		{name: "no JSON", blessed: true, body: `{`, want: verdict{400, "Request_BadRequest"}},
		{name: "blank", blessed: true, body: ` `, want: verdict{400, "Request_BadRequest"}},
		{name: "extension attribute 16", blessed: true, body: `{"extensionAttributes":{"extensionAttribute16":"x"}}`, want: verdict{400, "Request_BadRequest"}},
		{name: "extension attribute 01", blessed: true, body: `{"extensionAttributes":{"extensionAttribute01":"x"}}`, want: verdict{400, "Request_BadRequest"}},
		{name: "extension attribute too long", blessed: true, body: `{"extensionAttributes":{"extensionAttribute1":"` + strings.Repeat("x", 1025) + `"}}`, want: verdict{400, "Request_BadRequest"}},
		{name: "extension attributes as text", blessed: true, body: `{"extensionAttributes":"x"}`, want: verdict{400, "Request_BadRequest"}},
		{name: "extension attribute cleared", blessed: true, device: azuresim.Device{ExtensionAttributes: map[string]string{"extensionAttribute1": "a", "extensionAttribute2": "b"}},
			body: `{"extensionAttributes":{"extensionAttribute1":null}}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.ExtensionAttributes = map[string]string{"extensionAttribute2": "b"} }},

		{name: "iPhone", device: azuresim.Device{OperatingSystem: "IPhone"}, blessed: true, body: `{"isCompliant":true}`, want: verdict{400, "Request_BadRequest"}, message: notWindows},
		{name: "Mac, name", device: azuresim.Device{OperatingSystem: "MacMDM"}, blessed: true, body: `{"displayName":"x"}`, want: verdict{400, "Request_BadRequest"}, message: notWindows},
		{name: "Android, both kinds", device: azuresim.Device{OperatingSystem: "Android"}, blessed: true,
			body: `{"extensionAttributes":{"extensionAttribute1":"a"},"isManaged":true}`, want: verdict{400, "Request_BadRequest"}, message: notWindows},
		{name: "Android, extension attributes alone", device: azuresim.Device{OperatingSystem: "Android"}, blessed: true,
			body: `{"extensionAttributes":{"extensionAttribute1":"a"}}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.ExtensionAttributes = map[string]string{"extensionAttribute1": "a"} }},
		{name: "windows in small letters", device: azuresim.Device{OperatingSystem: "windows"}, blessed: true, body: `{"isCompliant":true}`, want: verdict{204, ""},
			after: func(d *azuresim.Device) { d.IsCompliant = new(true) }},

		{name: "not approved", body: `{"isCompliant":true}`, want: verdict{403, "Authorization_RequestDenied"}},
		{name: "not approved, isManaged", body: `{"isManaged":true}`, want: verdict{403, "Authorization_RequestDenied"}},
		{name: "not approved, name", body: `{"displayName":"x"}`, want: verdict{204, ""}, after: func(d *azuresim.Device) { d.DisplayName = "x" }},
		{name: "restricted unit", device: azuresim.Device{Restricted: true}, blessed: true, body: `{"isCompliant":true}`, want: verdict{403, "Authorization_RequestDenied"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.ApprovedMDM = test.blessed })
			w.device = w.sim.AddDevice(w.tenant.ID, test.device)
			token := w.token(t)
			for _, path := range []string{w.devicePath(), "/devices/" + w.device.ObjectID} {
				r := w.graph(t, token, http.MethodPatch, path, test.body)
				if diff := cmp.Diff(test.want, r.verdict()); diff != "" {
					t.Errorf("%s (-want +got)\n%s%s", path, diff, r.body)
				}
				if !strings.Contains(r.body, test.message) {
					t.Errorf("%s: no %q in %s", path, test.message, r.body)
				}
			}
			want := w.device
			if test.after != nil {
				test.after(&want)
			}
			got, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the device (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPatchNeedsAWellFormedRequest(t *testing.T) {
	w := newWorld(t, &azuresim.Options{MaxBodyBytes: 2000})
	token := w.token(t)
	zip := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const good = `{"isCompliant":true}`
	tests := []struct {
		name, body     string
		kind, encoding string
		want           int
	}{
		{"good", good, "application/json", "", 204},
		{"with a charset", good, "Application/JSON; charset=utf-8", "", 204},
		{"compressed", zip(good), "application/json", "gzip", 204},
		{"said to be compressed", good, "application/json", "gzip", 400},
		{"compressed, cut off", zip(good)[:20], "application/json", "gzip", 400},
		{"compressed bomb", zip(`{"displayName":"` + strings.Repeat("x", 1<<20) + `"}`), "application/json", "gzip", 413},
		{"unknown encoding", good, "application/json", "br", 415},
		{"no type", good, "", "", 400},
		{"other type", good, "text/plain", "", 415},
		{"too long", `{"displayName":"` + strings.Repeat("x", 2000) + `"}`, "application/json", "", 413},
		{"empty", "", "application/json", "", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Authorization": {"Bearer " + token}}
			if test.kind != "" {
				header.Set("Content-Type", test.kind)
			}
			if test.encoding != "" {
				header.Set("Content-Encoding", test.encoding)
			}
			r := w.send(t, http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath(), test.body, header)
			if r.status != test.want {
				t.Errorf("got %d, want %d: %s", r.status, test.want, r.body)
			}
		})
	}
}

func TestGraphPaths(t *testing.T) {
	w := newWorld(t, nil)
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.ReadWrite.All", "User.Read.All")
	token := w.token(t)
	const nobody = "99999999-9999-4999-8999-999999999999"
	tests := []struct {
		method, address string
		want            verdict
	}{
		{"GET", "/v1.0" + w.devicePath(), verdict{200, ""}},
		{"GET", "/beta" + w.devicePath(), verdict{200, ""}},
		{"GET", "/v1.0/devices(deviceId=%27" + w.device.DeviceID + "%27)", verdict{200, ""}},
		{"GET", "/v1.0/devices%28deviceId%3D%27" + strings.ToUpper(w.device.DeviceID) + "%27%29", verdict{200, ""}},
		{"GET", "/v1.0/devices/" + w.device.ObjectID, verdict{200, ""}},
		{"GET", "/v1.0/devices('" + w.device.ObjectID + "')", verdict{200, ""}},
		{"GET", "/v1.0/devices/" + w.device.DeviceID, verdict{404, "Request_ResourceNotFound"}},
		{"GET", "/v1.0/devices(deviceId='" + w.device.ObjectID + "')", verdict{404, "Request_ResourceNotFound"}},
		{"GET", "/v1.0/devices(deviceId='" + nobody + "')", verdict{404, "Request_ResourceNotFound"}},
		{"GET", "/v1.0/devices(deviceId='x')", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices(deviceId='')", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices(id2='" + nobody + "')", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices(deviceId=" + nobody + ")", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices(deviceId='" + nobody + "'", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices/x", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0/devices//x", verdict{400, "Request_BadRequest"}},
		{"PATCH", "/v1.0/devices/x", verdict{400, "Request_BadRequest"}},
		{"DELETE", "/v1.0/devices/x", verdict{400, "Request_BadRequest"}},
		{"DELETE", "/v1.0/devices/" + nobody, verdict{404, "Request_ResourceNotFound"}},
		{"PUT", "/v1.0" + w.devicePath(), verdict{405, "Request_BadRequest"}},
		{"POST", "/v1.0/devices", verdict{405, "Request_BadRequest"}},
		{"GET", "/v1.0/$batch", verdict{405, "Request_BadRequest"}},
		{"POST", "/v1.0/users('a')", verdict{405, "Request_BadRequest"}},
		{"GET", "/v1.0/sites", verdict{400, "BadRequest"}},
		{"GET", "/v1.0/", verdict{400, "BadRequest"}},
		{"GET", "/v2.0/devices", verdict{400, "BadRequest"}},
		{"GET", "/v1.0/devices?$filter=%zz", verdict{400, "Request_BadRequest"}},
		{"GET", "/v1.0" + w.devicePath() + "?$select=nothing", verdict{400, "BadRequest"}},
		{"GET", "/v1.0" + w.devicePath() + "?$expand=memberOf", verdict{400, "Request_UnsupportedQuery"}},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.address, func(t *testing.T) {
			r := w.send(t, test.method, "https://graph.microsoft.com"+test.address, "{}",
				http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}})
			if diff := cmp.Diff(test.want, r.verdict()); diff != "" {
				t.Errorf("(-want +got)\n%s%s", diff, r.body)
			}
		})
	}
}

func TestGetDeviceShowsGraphsProperties(t *testing.T) {
	w := newWorld(t, &azuresim.Options{Clock: func() time.Time { return time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC) }})
	w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{
		DisplayName: "PC", OperatingSystemVersion: "10.0.1", TrustType: "ServerAd", MDMAppID: "m", ManagementType: "mdm",
		IsManaged: new(true), IsRooted: new(false), Restricted: true, ExtensionAttributes: map[string]string{"extensionAttribute2": "b"},
	})
	token := w.token(t)
	read := func(query string) map[string]any {
		var document map[string]any
		r := w.graph(t, token, http.MethodGet, w.devicePath()+query, "")
		if err := json.Unmarshal([]byte(r.body), &document); err != nil {
			t.Fatalf("%d %s: %v", r.status, r.body, err)
		}
		delete(document, "@odata.context")
		return document
	}
	attributes := map[string]any{}
	for n := 1; n <= 15; n++ {
		attributes[fmt.Sprintf("extensionAttribute%d", n)] = nil
	}
	attributes["extensionAttribute2"] = "b"
	want := map[string]any{
		"id": w.device.ObjectID, "deviceId": w.device.DeviceID, "displayName": "PC", "deletedDateTime": nil,
		"accountEnabled": true, "approximateLastSignInDateTime": "2026-01-31T10:00:00Z", "complianceExpirationDateTime": nil,
		"deviceCategory": nil, "deviceOwnership": nil, "enrollmentProfileName": nil, "enrollmentType": nil,
		"isCompliant": nil, "isManaged": true, "isRooted": false, "managementType": "mdm", "manufacturer": nil, "mdmAppId": "m",
		"model": nil, "onPremisesLastSyncDateTime": nil, "onPremisesSyncEnabled": true,
		"operatingSystem": "Windows", "operatingSystemVersion": "10.0.1", "physicalIds": []any{}, "profileType": "RegisteredDevice",
		"registrationDateTime": "2026-01-31T10:00:00Z", "systemLabels": []any{}, "trustType": "ServerAd",
		"extensionAttributes": attributes, "alternativeSecurityIds": []any{},
	}
	if diff := cmp.Diff(want, read("")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want = map[string]any{"trustType": "ServerAd", "isManagementRestricted": true}
	if diff := cmp.Diff(want, read("?$select=trustType,%20isManagementRestricted")); diff != "" {
		t.Errorf("$select (-want +got)\n%s", diff)
	}
}

func TestDeleteDevice(t *testing.T) {
	t.Run("soft", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			hybrid := w.sim.AddDevice(w.tenant.ID, azuresim.Device{TrustType: "ServerAd", IsCompliant: new(true)})
			for _, id := range []string{w.device.DeviceID, hybrid.DeviceID} {
				path := "/devices(deviceId='" + id + "')"
				if r := w.graph(t, w.token(t), http.MethodDelete, path, ""); r.status != 204 {
					t.Fatalf("DELETE: %d %s", r.status, r.body)
				}
				for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
					if r := w.graph(t, w.token(t), method, path, `{}`); r.verdict() != (verdict{404, "Request_ResourceNotFound"}) {
						t.Errorf("%s afterwards: %d %s", method, r.status, r.body)
					}
				}
				if _, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{DeviceID: id}); err == nil {
					t.Error("the id is not reserved")
				}
			}
			if got, _ := w.sim.Device(w.tenant.ID, hybrid.DeviceID); got.DeletedAt.IsZero() || *got.IsCompliant {
				t.Errorf("a deleted device: %+v", got)
			}
			if got := len(w.sim.Devices(w.tenant.ID)); got != 0 {
				t.Errorf("%d devices are left", got)
			}
			if got := w.sim.SyncDirectory(w.tenant.ID); got != 1 {
				t.Errorf("synchronization restored %d, want the hybrid one", got)
			}
			r := w.graph(t, w.token(t), http.MethodGet, "/devices(deviceId='"+hybrid.DeviceID+"')?$select=isCompliant", "")
			if r.status != 200 || !strings.Contains(r.body, `"isCompliant":false`) {
				t.Errorf("the restored device: %d %s", r.status, r.body)
			}
			time.Sleep(30*24*time.Hour - time.Second)
			if _, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{DeviceID: w.device.DeviceID}); err == nil {
				t.Error("the id is free too early")
			}
			time.Sleep(time.Second)
			if _, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{DeviceID: w.device.DeviceID}); err != nil {
				t.Errorf("after 30 days: %v", err)
			}
		})
	})
	t.Run("hard", func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{HardDelete: true})
		w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.TrustType = "ServerAd" })
		w.graph(t, w.token(t), http.MethodDelete, w.devicePath(), "")
		if got := w.sim.SyncDirectory(w.tenant.ID); got != 0 {
			t.Errorf("synchronization restored %d", got)
		}
		if _, found := w.sim.Device(w.tenant.ID, w.device.DeviceID); found {
			t.Error("the device is still there")
		}
		if _, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{DeviceID: w.device.DeviceID}); err != nil {
			t.Error(err)
		}
		if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != 1 {
			t.Errorf("the history of the removed device has %d writes, want 1", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t, nil)
		token := w.token(t)
		w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.Restricted = true })
		if r := w.graph(t, token, http.MethodDelete, w.devicePath(), ""); r.verdict() != (verdict{403, "Authorization_RequestDenied"}) {
			t.Errorf("restricted unit: %d", r.status)
		}
		w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.Restricted = false })
		w.sim.Consent(w.tenant.ID, w.app.ClientID, "Directory.ReadWrite.All")
		if r := w.graph(t, w.token(t), http.MethodDelete, w.devicePath(), ""); r.verdict() != (verdict{403, "Authorization_RequestDenied"}) {
			t.Errorf("role missing: %d", r.status)
		}
		if r := w.graph(t, w.token(t), http.MethodPatch, w.devicePath(), `{"isCompliant":true}`); r.status != 204 {
			t.Errorf("PATCH with the wider role: %d", r.status)
		}
	})
}

func TestLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{ReadLag: 10 * time.Second, ReplicationLag: 8 * time.Second})
		token := w.token(t)
		compliant := func(path string) string {
			r := w.graph(t, token, http.MethodGet, path+"?$select=isCompliant", "")
			if r.status != 200 {
				return fmt.Sprint(r.status)
			}
			_, value, _ := strings.Cut(r.body, `"isCompliant":`)
			return strings.TrimSuffix(value, "}")
		}
		path := w.devicePath()
		patch := func(value bool) {
			if r := w.graph(t, token, http.MethodPatch, path, fmt.Sprintf(`{"isCompliant":%t}`, value)); r.status != 204 {
				t.Fatalf("PATCH: %d %s", r.status, r.body)
			}
		}
		patch(true)
		time.Sleep(5 * time.Second)
		patch(false)
		steps := []struct {
			after time.Duration
			want  string
		}{{0, "null"}, {5*time.Second - 1, "null"}, {1, "true"}, {5*time.Second - 1, "true"}, {1, "false"}, {30 * time.Minute, "false"}}
		for _, step := range steps {
			time.Sleep(step.after)
			if got := compliant(path); got != step.want {
				t.Errorf("%v later: got %s, want %s", step.after, got, step.want)
			}
		}
		w.graph(t, token, http.MethodDelete, path, "")
		if got := compliant(path); got != "false" { // as it was ten seconds ago
			t.Errorf("just deleted: %s", got)
		}
		time.Sleep(10 * time.Second)
		token = w.token(t)
		if got := compliant(path); got != "404" {
			t.Errorf("deleted: %s", got)
		}
		fresh, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{})
		if err != nil {
			t.Fatal(err)
		}
		path = "/devices(deviceId='" + fresh.DeviceID + "')"
		time.Sleep(8*time.Second - 1)
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			if got := w.graph(t, token, method, path, `{}`).status; got != 404 {
				t.Errorf("%s while replicating: %d", method, got)
			}
		}
		time.Sleep(time.Nanosecond)
		patch(true)
	})
}

func TestListDevices(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 250 {
		w.sim.AddDevice(w.tenant.ID, azuresim.Device{
			DisplayName: fmt.Sprintf("PC-%d", i), OperatingSystem: []string{"Windows", "Android"}[i%2],
			IsCompliant: []*bool{nil, new(true), new(false)}[i%3],
		})
	}
	token := w.token(t)
	counting := false
	// list follows every page and answers how many devices and pages there were.
	list := func(query string) (devices, pages int) {
		address := "https://graph.microsoft.com/v1.0/devices" + query
		for address != "" {
			header := http.Header{"Authorization": {"Bearer " + token}}
			if counting {
				header.Set("ConsistencyLevel", "eventual")
			}
			r := w.send(t, http.MethodGet, address, "", header)
			if r.status != 200 {
				t.Fatalf("%s: %d %s", address, r.status, r.body)
			}
			var page struct {
				Next  string           `json:"@odata.nextLink"`
				Value []map[string]any `json:"value"`
			}
			if err := json.Unmarshal([]byte(r.body), &page); err != nil {
				t.Fatal(err)
			}
			devices, pages, address = devices+len(page.Value), pages+1, page.Next
		}
		return devices, pages
	}
	tests := []struct {
		filter         string
		devices, pages int
	}{
		{"", 251, 3},
		{"deviceId eq '" + w.device.DeviceID + "'", 1, 1},
		{"deviceId eq '" + strings.ToUpper(w.device.DeviceID) + "' and operatingSystem eq 'windows'", 1, 1},
		{"deviceId eq '" + w.device.DeviceID + "' and operatingSystem eq 'Android'", 0, 1},
		{"deviceId eq '" + w.tenant.ID + "'", 0, 1},
		{"operatingSystem eq 'Android'", 125, 2},
		{"operatingSystem ne 'Android'", 126, 2},
		{"isCompliant eq true", 83, 1},
		{"isCompliant eq null", 85, 1},
		{"isCompliant ne false", 168, 2},
		{"startswith(displayName,'PC-1') and operatingSystem eq 'Windows'", 56, 1},
		{"startsWith(displayName, 'pc-24')", 11, 1},
	}
	for _, test := range tests {
		t.Run(test.filter, func(t *testing.T) {
			query := ""
			if test.filter != "" {
				query = "?$filter=" + url.QueryEscape(test.filter)
			}
			if devices, pages := list(query); devices != test.devices || pages != test.pages {
				t.Errorf("got %d devices on %d pages, want %d on %d", devices, pages, test.devices, test.pages)
			}
		})
	}
	if devices, pages := list("?$top=50&$select=id"); devices != 251 || pages != 6 {
		t.Errorf("$top: %d devices on %d pages", devices, pages)
	}
	counting = true
	if devices, pages := list("?$top=50&$count=true"); devices != 251 || pages != 6 {
		t.Errorf("$count: %d devices on %d pages", devices, pages)
	}
	r := w.send(t, http.MethodGet, "https://graph.microsoft.com/v1.0/devices?$count=true&$top=1&$filter="+url.QueryEscape("operatingSystem eq 'Android'"), "",
		http.Header{"Authorization": {"Bearer " + token}, "Consistencylevel": {"eventual"}})
	if !strings.Contains(r.body, `"@odata.count":125`) {
		t.Errorf("$count: %s", r.body)
	}
	refused := map[string]verdict{
		"?$filter=" + url.QueryEscape("deviceId eq 'x'"):                         {400, "Request_BadRequest"},
		"?$filter=" + url.QueryEscape("model eq 'x'"):                            {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("deviceId"):                                {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("deviceId eq 'x"):                          {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("isCompliant eq maybe"):                    {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("isCompliant eq true or isManaged"):        {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("isCompliant gt true"):                     {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("startswith(displayName)"):                 {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("startswith(displayName,'a'"):              {400, "Request_UnsupportedQuery"},
		"?$filter=" + url.QueryEscape("displayName eq 'a'and isManaged eq true"): {400, "Request_UnsupportedQuery"},
		"?$orderby=displayName":                                                  {400, "Request_UnsupportedQuery"},
		"?$count=true":                                                           {400, "Request_UnsupportedQuery"},
		"?$top=0":                                                                {400, "Request_BadRequest"},
		"?$top=1000":                                                             {400, "Request_BadRequest"},
		"?$skiptoken=abc":                                                        {400, "Directory_ExpiredPageToken"},
		"?$skiptoken=***":                                                        {400, "Directory_ExpiredPageToken"},
	}
	for query, want := range refused {
		if got := w.graph(t, token, http.MethodGet, "/devices"+query, "").verdict(); got != want {
			t.Errorf("%s: got %+v, want %+v", query, got, want)
		}
	}
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "User.Read.All")
	if got := w.graph(t, w.token(t), http.MethodGet, "/devices", "").verdict(); got != (verdict{403, "Authorization_RequestDenied"}) {
		t.Errorf("without the role: %+v", got)
	}
}

// Devices that go away between two pages neither repeat nor hide others.
func TestPagesHoldWhenDevicesGo(t *testing.T) {
	w := newWorld(t, &azuresim.Options{HardDelete: true, PageSize: 100})
	var devices []azuresim.Device
	for range 299 {
		devices = append(devices, w.sim.AddDevice(w.tenant.ID, azuresim.Device{}))
	}
	token := w.token(t)
	var page struct {
		Next  string `json:"@odata.nextLink"`
		Value []struct{ ID string }
	}
	address := "https://graph.microsoft.com/v1.0/devices?$select=id"
	seen := map[string]int{}
	for address != "" {
		r := w.send(t, http.MethodGet, address, "", http.Header{"Authorization": {"Bearer " + token}})
		page.Next, page.Value = "", nil
		if err := json.Unmarshal([]byte(r.body), &page); err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Value {
			seen[d.ID]++
		}
		if len(seen) == 100 {
			for _, d := range devices[:160] { // more than half: the list is compacted
				w.sim.RemoveDevice(w.tenant.ID, d.DeviceID)
			}
		}
		address = page.Next
	}
	for i, d := range devices {
		want := 1
		if i >= 99 && i < 160 {
			want = 0
		}
		if seen[d.ObjectID] != want {
			t.Errorf("device %d was listed %d times, want %d", i, seen[d.ObjectID], want)
		}
	}
}
