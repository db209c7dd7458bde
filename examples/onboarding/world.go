package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
)

// The simulated world: one tenant, of whose administrator nothing is known yet.
const (
	tenantID    = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80"
	clientID    = "5a1f0000-0000-4000-8000-0000000000b1"
	groupID     = "5a1f0000-0000-4000-8000-0000000000e1"
	userID      = "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"
	phoneID     = "b6f7a3c4-1d2e-4f5a-8b9c-0d1e2f3a4b5c"
	pcID        = "007c8232-9489-4074-9b35-345b16f0a72d"
	redirectURL = "https://mdm.example/consented"
)

// world is Microsoft and the customer's administrator.
type world struct {
	*channels.Loopback
	sim      *azuresim.Simulator
	tenantID string
}

func newWorld() (*world, error) {
	// A message is not settled at once, as at Microsoft.
	sim := azuresim.New(&azuresim.Options{Partner: azuresim.PartnerOptions{ProcessingDelay: 50 * time.Millisecond}})
	loaded, err := sim.Load(azuresim.World{
		Tenants: []azuresim.WorldTenant{{
			Tenant: azuresim.Tenant{ID: tenantID},
			Users:  []azuresim.User{{ID: userID, UserPrincipalName: "anna@contoso.example"}},
			Groups: []azuresim.Group{{ID: groupID, DisplayName: "Phones"}},
			Devices: []azuresim.Device{
				{DeviceID: phoneID, DisplayName: "ANNAS-PHONE", OperatingSystem: "IPhone", TrustType: "Workplace"},
				{DeviceID: pcID, DisplayName: "PC-17", OperatingSystem: "Windows", TrustType: "AzureAd"},
			},
		}},
		Applications: []azuresim.WorldApplication{{
			ClientID: clientID, Name: "onboarding", ApprovedMDM: true, RedirectURIs: []string{redirectURL},
			Roles: []string{
				"Device.ReadWrite.All", "User.Read.All", "Application.Read.All", "DeviceManagementServiceConfig.Read.All",
				"update_device_attributes", "manage_partner_compliance_policy",
			},
		}},
	})
	if err != nil {
		return nil, err
	}
	to, err := channels.Simulate(sim, clientID, loaded.Applications[0].Secrets[0].Value)
	if err != nil {
		return nil, err
	}
	return &world{Loopback: to, sim: sim, tenantID: tenantID}, nil
}

func (w *world) close() { w.Close() }

// consent is the administrator, who is sent to an address, reads what the
// application asks for, and comes back to the service. It answers with what.
func (w *world) consent(ctx context.Context, at string) (url.Values, error) {
	browser := *w.Client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return nil, errors.New("the administrator was not sent back")
	}
	return back.Query(), nil
}

// addPartner is the administrator in the Intune admin center.
func (w *world) addPartner() { w.sim.RegisterPartner(tenantID, clientID, azuresim.PartnerIOS) }
