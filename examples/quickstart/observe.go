package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// atOnce is how many devices the engine is told of in one call.
const atOnce = 1000

// errInterrupted: not everything of the file is kept yet.
var errInterrupted = errors.New("interrupted while the fleet was read; nothing was sent. Run it again")

// observe tells the engine what the file says, as seen now. Of each device the
// newest standing counts, so that a file that was changed is simply observed
// again. It answers the devices that the engine took, and a fault for each
// that it refused.
func observe(ctx context.Context, engine *reporting.Engine, account string, devices []device, now time.Time) ([]device, []fault, error) {
	whole := context.WithoutCancel(ctx) // between two calls is where it stops
	for _, tenantID := range tenantsOf(devices) {
		if err := engine.RegisterTenant(whole, account, tenantID); err != nil {
			return nil, nil, err
		}
	}
	var faults []fault
	refused := map[int]bool{}
	for first := 0; first < len(devices); first += atOnce {
		if ctx.Err() != nil {
			return nil, nil, errInterrupted
		}
		part := devices[first:min(first+atOnce, len(devices))]
		observations := make([]reporting.Observation, len(part))
		for i, d := range part {
			observations[i] = d.observation(account, now)
		}
		seen, err := engine.Observe(whole, observations...)
		if err != nil {
			return nil, nil, err
		}
		if seen.Stale > 0 {
			return nil, nil, fmt.Errorf("%s of an earlier run are later than this machine's clock: was it set back?", plural(seen.Stale, "observation"))
		}
		for _, r := range seen.Refused {
			refused[first+r.Index] = true
			faults = append(faults, fault{line: part[r.Index].line, what: r.Err.Error(), effect: effectRefused})
		}
	}
	var taken []device
	for i, d := range devices {
		if !refused[i] {
			taken = append(taken, d)
		}
	}
	return taken, faults, nil
}

// observation is what a row says. A device that was not evaluated keeps the
// standing that it had.
func (d device) observation(account string, now time.Time) reporting.Observation {
	return reporting.Observation{
		Account: account, TenantID: d.tenantID, DeviceID: d.hostID,
		Platform: d.platform, AzureDeviceID: d.azureID, ClientCode: d.code,
		UserID: d.userID, UserPrincipalName: d.upn,
		State: d.state(), Inventory: d.inventory, LastCheckIn: d.lastCheckIn, SeenAt: now,
	}
}

// direct switches the file's tenants on, or to report-only, and pauses any
// other that the store knows: what is sent is of this file.
func direct(ctx context.Context, engine *reporting.Engine, devices []device, m reporting.Mode) error {
	own := tenantsOf(devices)
	for t, err := range engine.Tenants(ctx) {
		if err != nil {
			return err
		}
		to := reporting.ModePaused
		if slices.Contains(own, t.TenantID) {
			to = m
		}
		if t.Mode == to {
			continue
		}
		if err := engine.SetMode(ctx, t.Account, t.TenantID, to); err != nil {
			return err
		}
	}
	return nil
}

// again lets the engine try at once what failed in an earlier run and would
// wait: somebody runs the program because they mended it. approve lets go what
// the guard holds, too.
func again(ctx context.Context, engine *reporting.Engine, devices []device, approve bool) error {
	for _, tenantID := range tenantsOf(devices) {
		if approve {
			if _, err := engine.Approve(ctx, reporting.Filter{TenantID: tenantID}); err != nil {
				return err
			}
		}
		failed := reporting.Filter{TenantID: tenantID}
		kinds := map[string]bool{}
		for d, err := range engine.Devices(ctx, failed) {
			if err != nil {
				return err
			}
			if d.Failure != nil && d.Blank.ReportTime != status.BlankHeld && !kinds[d.Failure.Kind.Error()] {
				kinds[d.Failure.Kind.Error()] = true
				failed.ErrorKind = d.Failure.Kind
				if _, err := engine.SyncNow(ctx, failed); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// gone counts the devices of which Azure holds something from earlier runs and
// which the file no longer has.
func gone(ctx context.Context, engine *reporting.Engine, devices []device) (int, error) {
	n := 0
	for _, tenantID := range tenantsOf(devices) {
		ids := func(yield func(string) bool) {
			for _, d := range devices {
				if d.tenantID == tenantID && !yield(d.hostID) {
					return
				}
			}
		}
		for _, err := range engine.Reconcile(ctx, tenantID, ids) {
			if err != nil {
				return 0, err
			}
			n++
		}
	}
	return n, nil
}
