package intune_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuretest"
	"github.com/mdmkit/devicestatus/compliance"
)

// The contract of every Reporter, Check included. The partner services do not
// say that a device is unknown, so that fault is left out.
func TestContract(t *testing.T) {
	var m *microsoft
	var mu sync.Mutex
	var faults map[string]azuretest.Fault // by device
	held := func(r azure.Report) *entry {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.devices[strings.ToLower(r.TenantID+" "+r.DeviceID)]
	}
	hook := func(m *microsoft, s seen) (*http.Response, error) {
		mu.Lock()
		var fault azuretest.Fault
		for device, f := range faults {
			if strings.Contains(s.body, device) || s.is("status") || f == azuretest.Unauthorized {
				fault = f
			}
		}
		mu.Unlock()
		if s.is("discovery") {
			return nil, nil
		}
		switch fault {
		case azuretest.Throttled:
			return reply(429, "", "Retry-After", "7"), nil
		case azuretest.Unavailable:
			return reply(503, ""), nil
		case azuretest.Unauthorized:
			return reply(401, ""), nil
		case azuretest.Forbidden:
			return reply(403, ""), nil
		case azuretest.LostAnswer:
			if s.is("upload") {
				id := strings.Split(s.url, "'")[1]
				m.upload(id, s)
			}
			return nil, errors.New("connection reset")
		case azuretest.NoAnswer:
			<-s.ctx.Done()
			return nil, context.Cause(s.ctx)
		}
		return nil, nil
	}
	azuretest.TestReporter(t, azuretest.Harness{
		NewReporter: func(t *testing.T) azure.Reporter {
			m = newMicrosoft(t)
			m.polls, m.hook, faults = 1, hook, map[string]azuretest.Fault{}
			return m.reporter(t, nil)
		},
		NewReport: func(_ *testing.T, n int) azure.Report {
			r := report1(compliance.StateCompliant)
			r.DeviceID = fmt.Sprintf("007c8232-9489-4074-9b35-%012x", n+1)
			r.Platform = [...]azure.Platform{azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS}[n%4]
			return r
		},
		Standing: func(t *testing.T, r azure.Report) (compliance.State, bool) {
			switch d := held(r); {
			case d == nil:
				return compliance.StateUnspecified, true
			case d.DeviceManagementState == "managed" && d.ComplianceStatus == "compliant":
				return compliance.StateCompliant, true
			case d.DeviceManagementState == "managed" && d.ComplianceStatus == "notCompliant":
				return compliance.StateNonCompliant, true
			case d.DeviceManagementState == "notManaged" && d.ComplianceStatus == "notCompliant":
				return compliance.StateRemoved, true
			default:
				t.Errorf("device %s: %+v", r.DeviceID, *d)
				return compliance.StateUnspecified, true
			}
		},
		Inventory: func(_ *testing.T, r azure.Report) azure.Inventory {
			d := held(r)
			return azure.Inventory{DeviceName: d.DeviceName, OSVersion: d.OSVersion}
		},
		Calls: func(*testing.T) int { return m.count("upload") + m.count("status") },
		Fault: func(_ *testing.T, r azure.Report, f azuretest.Fault) func() {
			if f == azuretest.DeviceUnknown {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			faults[r.DeviceID] = f
			return func() {
				mu.Lock()
				defer mu.Unlock()
				delete(faults, r.DeviceID)
			}
		},
	})
}
