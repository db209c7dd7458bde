package azuresim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// Any text can be published, and reaches a client that asks Graph by its
// production name as it stands.
func TestHostileEndpoints(t *testing.T) {
	for _, address := range []string{
		"http://fef.manage.microsoft.com/S", "https://evil.example/S", "https://evilmanage.microsoft.com/S",
		"https://fef.manage.microsoft.com.evil.example/S", "https://fef.manage.microsoft.com@evil.example/S",
		"https://user:word@fef.manage.microsoft.com/S", "https://192.0.2.1/S", "https://[2001:db8::1]/S",
		"https://fef.manage.microsoft.com:8443/S", "//fef.manage.microsoft.com/S", "", "::", "https://fef.manage.microsoft.us/S",
	} {
		w := newPartnerWorld(t, nil)
		w.sim.SetEndpoints(partnerTenant, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: address})
		if got := w.devices(t); got != address {
			t.Errorf("%q is published as %q", address, got)
		}
		want := []azuresim.Endpoint{{ProviderName: "PartnerDeviceDataSyncService", URI: address}}
		if diff := cmp.Diff(want, w.sim.Endpoints(partnerTenant)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// A client that believes what is published is seen doing so.
func TestStrays(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	header := http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}}
	for _, address := range []string{"https://evilmanage.microsoft.com/S", "http://fef.manage.microsoft.com/S"} {
		if r, err := w.try(t, http.MethodPut, address, "x", header); err == nil {
			t.Errorf("%s answered %d", address, r.status)
		}
	}
	got := w.sim.Strays()
	if len(got) != 2 || got[0].Host != "evilmanage.microsoft.com" || got[1].Scheme != "http" || got[0].Header.Get("Authorization") != header.Get("Authorization") || string(got[1].Body) != "x" {
		t.Errorf("strays: %v", got)
	}
	// Ports and user information reach the service, and show in the ledger.
	w.sim.SetEndpoints(partnerTenant, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: "https://user@fef.manage.microsoft.com:8443/S"})
	if r := w.upload(t, messageA, content(standing{managed: true})); r.inside(t).ErrorCode != "202" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := w.sim.Count(func(r *azuresim.Request) bool { return r.Host == "fef.manage.microsoft.com:8443" }); n != 1 || len(w.sim.Strays()) != 2 {
		t.Errorf("%d requests to the port, %d strays", n, len(w.sim.Strays()))
	}
}

// A service that moved answers at the new address, and no longer at the old.
func TestMovedEndpoints(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	old := w.devices(t)
	poll := func(base string) reply {
		return w.call(t, http.MethodGet, base+"/DataUploadMessages(guid'"+messageA+"')?api-version=1.2", "")
	}
	w.upload(t, messageA, content(standing{managed: true}))
	w.sim.SetEndpoints(partnerTenant, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: "https://Fef.Other.manage.microsoft.com/a%20b/S/"})
	if got := poll(old).verdict(); got != (verdict{404, "NotFound"}) {
		t.Errorf("at the old address: %+v", got)
	}
	// A slash at the end is published as it stands; behind it comes one only.
	moved := strings.TrimSuffix(w.devices(t), "/")
	if got := poll(moved).verdict(); got.Status != 200 {
		t.Errorf("at the new address: %+v", got)
	}
	if got := poll(strings.Replace(moved, ".com/", ".com:443/", 1)).verdict(); got.Status != 200 {
		t.Errorf("with the port of https: %+v", got)
	}
	if got := poll(moved + "/").verdict(); got != (verdict{404, "NotFound"}) {
		t.Errorf("with two slashes: %+v", got)
	}
	w.sim.SetEndpoints(partnerTenant)
	if got := poll(moved).verdict(); got != (verdict{404, "NotFound"}) {
		t.Errorf("nothing is published: %+v", got)
	}
}

// The address of one tenant does not serve another.
func TestEndpointsByTenant(t *testing.T) {
	w := newPartnerWorld(t, nil)
	other := w.sim.AddTenant(azuresim.Tenant{})
	foreign := w.sim.Endpoints(other.ID)[1].URI
	if foreign == w.devices(t) {
		t.Fatalf("both publish %s", foreign)
	}
	if got := w.call(t, http.MethodGet, foreign+"/DataUploadMessages(guid'"+messageA+"')?api-version=1.2", "").body; !strings.Contains(got, "published") {
		t.Errorf("got %s", got)
	}
}

// On loopback an address that is not one of the simulated services stays as it
// is; those that are lead to the listener.
func TestEndpointsOnLoopback(t *testing.T) {
	w := newPartnerWorld(t, nil)
	l, err := w.sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w.client, w.graphURL = l.Client(), l.URL()
	t.Cleanup(w.client.CloseIdleConnections)
	for published, want := range map[string]string{
		"https://a.manage.microsoft.com/b%20c": l.URL() + "/a.manage.microsoft.com/b%20c",
		"http://a.manage.microsoft.com/b":      "http://a.manage.microsoft.com/b",
		"https://u@a.manage.microsoft.com/b":   "https://u@a.manage.microsoft.com/b",
		"https://a.manage.microsoft.com:1/b":   "https://a.manage.microsoft.com:1/b",
		"https://evil.example/b":               "https://evil.example/b",
		"::":                                   "::",
		l.URL() + "/own":                       l.URL() + "/own",
	} {
		w.sim.SetEndpoints(partnerTenant, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: published})
		got := w.devices(t)
		if got != want {
			t.Errorf("%s is published as %s, want %s", published, got, want)
		}
		if strings.HasPrefix(got, l.URL()) {
			if r := w.status(t, messageA); !strings.Contains(r.body, "no such message") {
				t.Errorf("%s: %d %s", got, r.status, r.body)
			}
		}
	}
	// By its production name Graph publishes production names there too.
	w.graphURL = "https://graph.microsoft.com"
	w.sim.SetEndpoints(partnerTenant, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: "https://a.manage.microsoft.com/b"})
	if r := w.status(t, messageA); !strings.Contains(r.body, "no such message") {
		t.Errorf("by production names: %d %s", r.status, r.body)
	}
}
