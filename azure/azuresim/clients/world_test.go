package clients_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

const graphScope = "https://graph.microsoft.com/.default"

// world is a simulator with one tenant, one application and one device.
type world struct {
	sim    *azuresim.Simulator
	tenant azuresim.Tenant
	app    azuresim.Application
	device azuresim.Device
	cert   *x509.Certificate
	key    *rsa.PrivateKey
}

// certificate is made once; an RSA key takes a tenth of a second.
var certificate = sync.OnceValues(func() (*x509.Certificate, *rsa.PrivateKey) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mdm.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert, key
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{sim: azuresim.New(nil)}
	w.cert, w.key = certificate()
	w.tenant = w.sim.AddTenant(azuresim.Tenant{})
	w.app = w.sim.AddApplication(azuresim.Application{
		Secrets: []azuresim.Secret{{Value: "s3cret"}}, Certificates: []*x509.Certificate{w.cert},
		Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
	})
	w.sim.Consent(w.tenant.ID, w.app.ClientID)
	w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
	return w
}

// way is how a client reaches the simulator.
type way struct {
	name      string
	authority string
	scope     string
	client    *http.Client
	loopback  bool
}

// ways are in process by production addresses, and over TLS on loopback.
func (w *world) ways(t *testing.T) []way {
	t.Helper()
	l, err := w.sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := l.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return []way{
		{"in process", azuresim.CloudGlobal.AuthorityURL(), graphScope, w.sim.Client(), false},
		{"loopback", l.URL(), l.URL() + "/.default", client, true},
		{"loopback by production addresses", azuresim.CloudGlobal.AuthorityURL(), graphScope, client, false},
	}
}

// works tells whether Graph takes the token.
func (w *world) works(t *testing.T, v way, token string) bool {
	t.Helper()
	root := azuresim.CloudGlobal.GraphURL()
	if v.loopback {
		root = v.authority
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, root+"/v1.0/devices(deviceId='"+w.device.DeviceID+"')", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode == http.StatusOK
}
