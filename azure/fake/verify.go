package fake

import (
	"context"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// Verify implements [azure.Verifier] over the directory. Of EntraDevice it
// fills TrustType (ServerAd of a hybrid device, else AzureAd), IsCompliant and
// IsManaged.
func (f *Reporter) Verify(ctx context.Context, r azure.Report) (azure.Verification, error) {
	sent, _, err := f.prepare(ctx, StepVerify, r)
	if err != nil {
		return azure.Verification{}, err
	}
	var v azure.Verification
	err = f.meet(ctx, StepVerify, sent, func() error {
		d, ok := f.Device(sent.TenantID, sent.DeviceID)
		v = compare(sent.State, d, ok)
		return nil
	})
	if err != nil {
		return azure.Verification{}, err
	}
	return v, nil
}

// compare holds a device against the standing that a report claims for it.
func compare(want compliance.State, d Device, present bool) azure.Verification {
	if !present {
		if want == compliance.StateRemoved {
			return azure.Verification{Verdict: azure.VerdictMatch}
		}
		return azure.Verification{Verdict: azure.VerdictAbsent}
	}
	v := azure.Verification{Verdict: azure.VerdictMatch, Device: azure.EntraDevice{TrustType: "AzureAd"}}
	if d.Hybrid {
		v.Device.TrustType = "ServerAd"
	}
	if d.State != compliance.StateUnspecified {
		v.Device.IsCompliant = new(d.State == compliance.StateCompliant)
		v.Device.IsManaged = new(d.State != compliance.StateRemoved)
	}
	shows := func(b *bool) bool { return b != nil && *b }
	if shows(v.Device.IsCompliant) != (want == compliance.StateCompliant) {
		v.Mismatches = append(v.Mismatches, "isCompliant")
	}
	if shows(v.Device.IsManaged) != (want != compliance.StateRemoved) {
		v.Mismatches = append(v.Mismatches, "isManaged")
	}
	if v.Mismatches != nil {
		v.Verdict = azure.VerdictMismatch
	}
	return v
}
