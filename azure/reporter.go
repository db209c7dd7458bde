package azure

import (
	"context"
	"log/slog"
)

// Reporter reports one device's standing to Microsoft. The package comment
// holds its contract. Implementations are safe for concurrent use.
//
// With a nil error the Receipt is complete. With an error it is the zero
// value, but for a removal whose first step was accepted and whose second
// failed: then the Receipt shows the first.
type Reporter interface {
	Report(ctx context.Context, r Report) (Receipt, error)
}

// BatchReporter is a Reporter that can carry many reports in few calls.
//
// ReportBatch answers exactly one Result for each report: results[i] answers
// rs[i]. A report that is refused, or whose call fails, costs the others
// nothing. Reports of one device are sent one after the other, in the order in
// which they stand in rs. There is no limit to the length of rs. It does not
// keep or change rs.
type BatchReporter interface {
	Reporter
	ReportBatch(ctx context.Context, rs []Report) []Result
}

// Checker is implemented by channels that answer later: Report returns a
// Receipt in progress, and Check asks how it stands.
//
// A verdict comes with a nil error: State Successful, or State Failed with
// Receipt.Failure set, or still InProgress. An error means that the question
// failed; then the Receipt is returned as it was given, still in progress. A
// receipt that is settled already is returned as it is, without a call.
// A receipt of another channel is refused with [ErrUnsupported].
type Checker interface {
	Check(ctx context.Context, r Receipt) (Receipt, error)
}

// Deleter is implemented by channels whose removal has a second step, the
// deletion of the directory object, which Report takes too unless
// Report.KeepObject is set.
//
// DeleteObject takes the second step alone, for a device that Report with
// StateRemoved and KeepObject made unmanaged before. It needs TenantID,
// DeviceID, Platform and State StateRemoved, and answers as Report does;
// Receipt.Removal says what became of the object. Deleting discards what Entra
// keeps with the object, BitLocker and LAPS secrets among it, and a PC whose
// object is gone cannot sign in.
type Deleter interface {
	DeleteObject(ctx context.Context, r Report) (Receipt, error)
}

// InventoryCarrier is implemented by channels to say which inventory they
// carry: CarriedInventory answers i without what the channel does not send for
// platform p, and with the rest as it would be sent. A change from one
// inventory to another costs no call where both are carried as the same:
//
//	c.CarriedInventory(p, before) == c.CarriedInventory(p, after)
type InventoryCarrier interface {
	CarriedInventory(p Platform, i Inventory) Inventory
}

// Deprovisioner is implemented by channels whose tenants are set up with
// Microsoft.
//
// Deprovision tells Microsoft that this partner no longer serves the tenant.
// Afterwards nothing can be reported, so report its devices as removed first.
// A tenant that was not set up is answered with [ErrNotProvisioned], or with
// nil where the channel cannot tell.
type Deprovisioner interface {
	Deprovision(ctx context.Context, tenantID string) error
}

// Result is the answer to one of many reports: what Report would have
// returned.
type Result struct {
	Receipt Receipt
	Err     error
}

// LogValue implements [slog.LogValuer]: the receipt, and the error's line where
// there is one, without its Detail.
func (r Result) LogValue() slog.Value {
	if r.Err == nil {
		return r.Receipt.LogValue()
	}
	attrs := []slog.Attr{slog.String("error", r.Err.Error())}
	if r.Receipt.MessageID != "" {
		attrs = append(attrs, slog.Any("receipt", r.Receipt))
	}
	return slog.GroupValue(attrs...)
}
