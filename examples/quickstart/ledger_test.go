package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// resumable is a fleet that takes several calls of both channels, and the
// Microsoft that it is reported to.
type resumable struct {
	sim  *azuresim.Simulator
	rows []string
	ids  map[string]string // Azure ids, by the host's
	want map[string]string // what Azure is to hold in the end, by the host's id
}

func newResumable(t *testing.T) *resumable {
	r := &resumable{sim: microsoft(t, nil, withSecret()), ids: map[string]string{}, want: map[string]string{}}
	r.sim.Provision(tenantA, clientID)
	actions := []string{"none", "quarantine", "send-alert", "retire"}
	holds := []string{"true true", "true false", "true true", "false false"}
	for n := range 120 {
		id := fmt.Sprintf("dddddddd-0000-4000-8000-%012d", 1000+n)
		host, platform, code, system := fmt.Sprintf("PC-%03d", n), "windows", "", "Windows"
		if n%19 == 0 { // 7 phones
			host, platform, code, system = fmt.Sprintf("IP-%03d", n), "ios", "Success", "iOS"
		}
		r.ids[host], r.want[host] = id, holds[n%len(holds)]
		r.rows = append(r.rows, strings.Join([]string{tenantA, host, platform, id, code, userID, actions[n%len(actions)], "", "", ""}, ","))
		r.sim.AddDevice(tenantA, azuresim.Device{DeviceID: id, OperatingSystem: system})
	}
	return r
}

// writes answers how often Microsoft was told of each device.
func (r *resumable) writes() map[string]int {
	n := map[string]int{}
	messages := map[string]int{}
	for _, m := range r.sim.PartnerMessages(tenantA) {
		for _, report := range m.Reports {
			messages[report.DeviceID] += m.Uploads
		}
	}
	for host, id := range r.ids {
		n[host] = r.sim.WriteCount(tenantA, id) + messages[id]
	}
	return n
}

// told is how many devices Microsoft was told of.
func (r *resumable) told() int {
	n := 0
	for _, writes := range r.writes() {
		n += min(writes, 1)
	}
	return n
}

// holds answers what Azure holds of each device: isManaged and isCompliant.
func (r *resumable) holds() map[string]string {
	all := map[string]string{}
	for host, id := range r.ids {
		all[host] = "nothing"
		if d, ok := r.sim.Device(tenantA, id); ok && d.IsManaged != nil && d.IsCompliant != nil {
			all[host] = fmt.Sprint(*d.IsManaged, " ", *d.IsCompliant)
		}
	}
	return all
}

// confirmed answers the devices that a store knows as reported and settled.
func confirmed(t *testing.T, path string) map[string]bool {
	t.Helper()
	store, closeStore, err := openStore(t.Context(), path, true, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, closeStore()) }()
	engine, err := reporting.New(store, fake.New(nil), nil)
	require.NoError(t, err)
	all := map[string]bool{}
	for d, err := range engine.Devices(t.Context(), reporting.Filter{ReportState: status.Successful}) {
		require.NoError(t, err)
		all[d.DeviceID] = true
	}
	return all
}
