package azuresim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestFixturesThatAreWrong(t *testing.T) {
	const id = "33333333-3333-4333-8333-333333333333"
	tests := map[string]func(w *world){
		"tenant id":            func(w *world) { w.sim.AddTenant(azuresim.Tenant{ID: "x"}) },
		"tenant twice":         func(w *world) { w.sim.AddTenant(azuresim.Tenant{ID: strings.ToUpper(w.tenant.ID)}) },
		"domain twice":         func(w *world) { w.sim.AddTenant(azuresim.Tenant{Domain: "CONTOSO.example"}) },
		"cloud":                func(w *world) { w.sim.AddTenant(azuresim.Tenant{Cloud: "moon"}) },
		"client id":            func(w *world) { w.sim.AddApplication(azuresim.Application{ClientID: "x"}) },
		"application twice":    func(w *world) { w.sim.AddApplication(azuresim.Application{ClientID: w.app.ClientID}) },
		"home tenant":          func(w *world) { w.sim.AddApplication(azuresim.Application{TenantID: id}) },
		"consent, tenant":      func(w *world) { w.sim.Consent(id, w.app.ClientID) },
		"consent, application": func(w *world) { w.sim.Consent(w.tenant.ID, id) },
		"user's tenant":        func(w *world) { w.sim.AddUser(id, azuresim.User{UserPrincipalName: "a"}) },
		"user id":              func(w *world) { w.sim.AddUser(w.tenant.ID, azuresim.User{ID: "x", UserPrincipalName: "a"}) },
		"user without a name":  func(w *world) { w.sim.AddUser(w.tenant.ID, azuresim.User{}) },
		"device's tenant":      func(w *world) { w.sim.AddDevice(id, azuresim.Device{}) },
		"device id":            func(w *world) { w.sim.AddDevice(w.tenant.ID, azuresim.Device{DeviceID: "x"}) },
		"object id":            func(w *world) { w.sim.AddDevice(w.tenant.ID, azuresim.Device{ObjectID: "x"}) },
		"device twice":         func(w *world) { w.sim.AddDevice(w.tenant.ID, azuresim.Device{DeviceID: w.device.DeviceID}) },
		"object twice":         func(w *world) { w.sim.AddDevice(w.tenant.ID, azuresim.Device{ObjectID: w.device.ObjectID}) },
		"user twice": func(w *world) {
			u := w.sim.AddUser(w.tenant.ID, azuresim.User{UserPrincipalName: "a"})
			w.sim.AddUser(w.tenant.ID, azuresim.User{ID: u.ID, UserPrincipalName: "b"})
		},
		"name twice": func(w *world) {
			w.sim.AddUser(w.tenant.ID, azuresim.User{UserPrincipalName: "a"})
			w.sim.AddUser(w.tenant.ID, azuresim.User{UserPrincipalName: "A"})
		},
		"consent to another tenant's own": func(w *world) {
			app := w.sim.AddApplication(azuresim.Application{TenantID: w.tenant.ID, SingleTenant: true})
			w.sim.Consent(w.sim.AddTenant(azuresim.Tenant{}).ID, app.ClientID)
		},
	}
	for name, wrong := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "azuresim: ") {
					t.Errorf("it panicked with %q", text)
				}
			}()
			wrong(w)
		})
	}
}

func TestWhatIsNotThere(t *testing.T) {
	const id = "33333333-3333-4333-8333-333333333333"
	w := newWorld(t, nil)
	for _, tenant := range []string{id, w.tenant.ID} {
		if _, found := w.sim.Device(tenant, id); found {
			t.Error("a device was found")
		}
		if w.sim.Writes(tenant, id) != nil || w.sim.WriteCount(tenant, id) != 0 {
			t.Error("writes were found")
		}
		if w.sim.UpdateDevice(tenant, id, func(*azuresim.Device) {}) || w.sim.RemoveDevice(tenant, id) {
			t.Error("a device was changed")
		}
		w.sim.RevokeConsent(tenant, id)
		w.sim.DisableApplication(tenant, id, true)
		w.sim.Challenge(tenant, id, azuresim.ClaimsStandard)
		if w.sim.SyncDirectory(tenant) != 0 {
			t.Error("a device was restored")
		}
	}
	if w.sim.Devices(id) != nil || w.sim.RemoveTenant(id) || w.sim.RemoveApplication(id) ||
		w.sim.UpdateApplication(id, func(*azuresim.Application) {}) {
		t.Error("something was found")
	}
	if _, err := w.sim.RegisterDevice(id, azuresim.Device{}); err == nil {
		t.Error("a device was registered with nobody")
	}
	if !w.sim.RemoveTenant(strings.ToUpper(w.tenant.ID)) {
		t.Error("the tenant is not removed by its id in capitals")
	}
	w.sim.AddTenant(azuresim.Tenant{Domain: "contoso.example"}) // the name is free again
}

func TestUpdateKeepsIds(t *testing.T) {
	w := newWorld(t, nil)
	w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) {
		*d = azuresim.Device{DisplayName: "new", DeletedAt: time.Now()}
	})
	got, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID)
	if diff := cmp.Diff(azuresim.Device{ObjectID: w.device.ObjectID, DeviceID: w.device.DeviceID, DisplayName: "new"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { *a = azuresim.Application{ClientID: "x", TenantID: "y"} })
	if r := w.form(t, w.tenant.ID, w.secretForm()); r.status != 401 {
		t.Errorf("the application without a secret: %d", r.status)
	}
}

func TestDemoWorldSurvivesItsFile(t *testing.T) {
	want := azuresim.DemoWorld()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := azuresim.ReadWorld(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	loaded, err := azuresim.New(nil).Load(got)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Applications[0].Secrets[0].Value != "demo-secret" || loaded.Tenants[0].Devices[1].TrustType != "ServerAd" {
		t.Errorf("%+v", loaded)
	}
}

func TestWorldsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "EOF",
		`{"tenants":[{"color":"x"}]}`:  "color",
		`{} {}`:                        "after the end",
		`{"tenants":[{"id":"x"}]}`:     "tenants[0]: ",
		`{"tenants":[{"users":[{}]}]}`: "tenants[0].users[0]: ",
		`{"tenants":[{"devices":[{},{"id":"x"}]}]}`:                                    "tenants[0].devices[1]: ",
		`{"applications":[{"clientId":"x"}]}`:                                          "applications[0]: ",
		`{"applications":[{"certificates":["x"]}]}`:                                    "applications[0].certificates[0] ",
		`{"applications":[{"consents":[{"tenantId":"x"}]}]}`:                           "applications[0].consents[0]: ",
		`{"applications":[{"certificates":["-----BEGIN X-----\n-----END X-----\n"]}]}`: "applications[0].certificates[0]",
	} {
		world, err := azuresim.ReadWorld(strings.NewReader(text))
		if err == nil {
			_, err = azuresim.New(nil).Load(world)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "azuresim: world: ") {
			t.Errorf("%s: %v, want it to say %q", text, err, want)
		}
	}
}

func TestWorldWithACertificate(t *testing.T) {
	now := time.Now()
	key := rsaKeys()[0]
	certificate := issue(t, "mdm.example", key, now.Add(-time.Hour), now.Add(time.Hour), nil, nil)
	sim := azuresim.New(nil)
	demo := azuresim.DemoWorld()
	demo.Applications[0].Secrets = nil
	demo.Applications[0].Certificates = []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))}
	if _, err := sim.Load(demo); err != nil {
		t.Fatal(err)
	}
	w := &world{sim: sim, client: sim.Client()}
	w.tenant.ID, w.app.ClientID = demo.Tenants[0].ID, demo.Applications[0].ClientID
	r := w.form(t, w.tenant.ID, w.assertionForm(assertion{
		header: map[string]any{"alg": "PS256", "x5t#S256": long(certificate, base64.RawURLEncoding)},
		claims: map[string]any{
			"aud": "https://login.microsoftonline.com/" + w.tenant.ID + "/v2.0", "iss": w.app.ClientID, "sub": w.app.ClientID,
			"jti": "1", "exp": now.Add(time.Minute).Unix(),
		},
		key: key,
	}.sign(t)))
	if r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}
