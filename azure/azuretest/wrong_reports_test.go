package azuretest

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// wrongReports break rules of what is sent and of the receipts.
var wrongReports = []wrongReporter{
	{
		name: "keeps the contract",
		bend: func(*bent) {},
	},
	{
		name: "drops lock-outs",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.State == compliance.StateNonCompliant && r.Validate() == nil && ctx.Err() == nil && guid.Canonical(r.DeviceID) == r.DeviceID {
					if _, err := b.Reporter.Verify(ctx, r); err == nil {
						return forged(r), nil
					}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{
			"Report/Standing", "Report/OneDeviceOnly", "Report/Again", "Report/Concurrent", "Removal/OnlyRemoved", "Inventory/NeverRefuses",
			"Errors/Throttled", "Errors/Unavailable", "Errors/DeviceUnknown", "Errors/Unauthorized", "Errors/Forbidden",
			"Batch/AllArrive", "Batch/OneDeviceInOrder", "Batch/InvalidAmongValid", "Batch/FaultyAmongGood",
		},
	},
	{
		name: "removes on an unknown state",
		bend: before(func(r *azure.Report) {
			switch r.State {
			case compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateUnspecified:
			default:
				r.State = compliance.StateRemoved
			}
		}),
		want: []string{"Invalid/Refused", "Invalid/NotEvaluated"},
	},
	{
		name: "takes silence for compliance",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateUnspecified {
				r.State = compliance.StateCompliant
			}
		}),
		want: []string{"Invalid/Refused", "Invalid/AllFaultsNamed", "Invalid/NotEvaluated"},
	},
	{
		name: "removes what is non-compliant",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateNonCompliant && r.Trigger == azure.TriggerRefresh {
				r.State, r.KeepObject = compliance.StateRemoved, true
			}
		}),
		want: []string{"Removal/OnlyRemoved"},
	},
	{
		name: "ignores removals",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateRemoved {
				r.State = compliance.StateNonCompliant
			}
		}),
		want: []string{"Removal/Removes", "Removal/Again", "Removal/KeepObject", "Removal/DeleteObject", "Batch/OneDeviceInOrder", "Verify/Compares"},
	},
	{
		name: "fails to remove what is gone",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, err *error) {
			if receipt.Removal == azure.RemovalAbsent {
				*receipt, *err = azure.Receipt{}, &azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
		}),
		want: []string{"Removal/Again"},
	},
	{
		name: "deletes what should be kept",
		bend: before(func(r *azure.Report) { r.KeepObject = false }),
		want: []string{"Removal/KeepObject"},
	},
	{
		name: "deletes what is not removed",
		bend: func(b *bent) {
			b.destroy = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				r.State, r.KeepObject = compliance.StateRemoved, false
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Removal/DeleteObjectOnlyRemoved"},
	},
	{
		name: "deletes nothing",
		bend: func(b *bent) {
			b.destroy = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.State != compliance.StateRemoved {
					return b.Reporter.DeleteObject(ctx, r)
				}
				receipt := forged(r)
				receipt.Removal = azure.RemovalDeleted
				return receipt, nil
			}
		},
		want: []string{"Removal/DeleteObject"},
	},
	{
		name: "mixes devices up",
		bend: func(b *bent) {
			var mu sync.Mutex
			var last string
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.Validate() != nil || r.State != compliance.StateNonCompliant || r.Inventory.DeviceName != "" {
					return b.Reporter.Report(ctx, r)
				}
				mu.Lock()
				defer mu.Unlock()
				own := r.DeviceID
				if last != "" && strings.ToLower(own) == own {
					r.DeviceID = last
				}
				last = own
				receipt, err := b.Reporter.Report(ctx, r)
				if err == nil {
					receipt.DeviceID = strings.ToLower(own)
				}
				return receipt, err
			}
		},
		want: []string{"Report/OneDeviceOnly", "Report/Concurrent", "Batch/AllArrive", "Batch/InvalidAmongValid", "Batch/FaultyAmongGood"},
	},
	{
		name: "refuses what it had before",
		bend: func(b *bent) {
			var mu sync.Mutex
			seen := map[string]bool{}
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				receipt, err := b.Reporter.Report(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && seen[receipt.MessageID] {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
				}
				seen[receipt.MessageID] = true
				return receipt, err
			}
		},
		want: []string{"Report/Again"},
	},
	{
		name: "checks a name that nobody reads",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if len(r.UserPrincipalName) > 113 {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Report/AnyUserName"},
	},
	{
		name: "does not say when",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, _ *error) { receipt.AcceptedAt = time.Time{} }),
		want: []string{"Receipt/Complete"},
	},
	{
		name: "loses the ID",
		bend: before(func(r *azure.Report) {
			if guid.Valid(r.ID) {
				r.ID = ""
			}
		}),
		want: []string{"Report/Concurrent", "Receipt/KeepsID", "Receipt/LowerCase", "Batch/ResultsAnswerTheirReports"},
	},
	{
		name: "makes one ID for all",
		bend: before(func(r *azure.Report) {
			if r.ID == "" {
				r.ID = user
			}
		}),
		want: []string{"Receipt/MakesID"},
	},
	{
		name: "answers ids as they were written",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if *err == nil {
				receipt.DeviceID = r.DeviceID
			}
		}),
		want: []string{"Receipt/LowerCase"},
	},
	{
		name: "notes names",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if *err == nil && r.Inventory.DeviceName != "" {
				receipt.Notes = []string{"DeviceName: " + r.Inventory.DeviceName}
			}
		}),
		want: []string{"Receipt/Storable", "Inventory/MendingNoted"},
	},
	{
		name: "mends in silence",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, _ *error) { receipt.Notes = nil }),
		want: []string{"Inventory/MendingNoted"},
	},
	{
		name: "refuses long names",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if len(r.Inventory.OSVersion) > 256 {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Inventory/NeverRefuses"},
	},
	{
		name: "fills in what was left out",
		bend: before(func(r *azure.Report) {
			if r.Inventory.DeviceName == "" {
				r.Inventory.DeviceName = "unknown"
			}
		}),
		want: []string{"Inventory/EmptyKeeps"},
	},
	{
		name: "asks Microsoft before it looks itself",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if !guid.Valid(r.UserID) && r.UserID != "" {
					b.Reporter.Report(ctx, azure.Report{TenantID: tenant, DeviceID: deviceID(63), Platform: azure.PlatformWindows, State: compliance.StateCompliant})
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Invalid/SendsNothing"},
	},
	{
		name: "sends what is invalid",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				receipt, err := b.Reporter.Report(ctx, r)
				if r.Trigger > azure.TriggerSync {
					r.Trigger = azure.TriggerUnspecified
					b.Reporter.Report(ctx, r)
				}
				return receipt, err
			}
		},
		want: []string{"Invalid/SendsNothing"},
	},
	{
		name: "swaps two that come at once",
		bend: func(b *bent) {
			// The first two calls wait for each other and send each other's
			// report; in any other rule there would be no second.
			meet := make(chan azure.Report)
			var mu sync.Mutex
			calls := 0
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				mu.Lock()
				calls++
				order := calls
				mu.Unlock()
				mine := r
				switch order {
				case 1:
					r = <-meet
					meet <- mine
				case 2:
					meet <- mine
					r = <-meet
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		world: world{only: "Report/Concurrent"},
		want:  []string{"Report/Concurrent"},
	},
}
