package azuretest

import (
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

var verifyRules = []rule{
	{
		"Verify/Compares",
		"Verify tells whether Entra shows what was reported, and which field differs; a device that is gone matches a removal and is absent otherwise",
		func(x *trial) {
			v := need[azure.Verifier](x, "Verifier")
			r := x.report(0, compliance.StateCompliant)
			x.send(r)
			x.verified(v, r, azure.VerdictMatch)
			r.State = compliance.StateNonCompliant
			x.verified(v, r, azure.VerdictMismatch, "isCompliant")
			r.State = compliance.StateRemoved
			x.verified(v, r, azure.VerdictMismatch, "isCompliant", "isManaged")

			x.send(x.report(0, compliance.StateRemoved))
			x.verified(v, r, azure.VerdictMatch)
			r.State = compliance.StateCompliant
			if x.Standing == nil {
				return
			}
			if _, present := x.standing(r); present {
				x.verified(v, r, azure.VerdictMismatch, "isCompliant", "isManaged")
			} else {
				x.verified(v, r, azure.VerdictAbsent)
			}
		},
	},
	{
		"Verify/Error",
		"a device that could not be read is an error, not a verdict: nobody may take it for a device that is gone",
		func(x *trial) {
			v := need[azure.Verifier](x, "Verifier")
			r := x.report(0, compliance.StateCompliant)
			x.send(r)
			mend := x.fault(r, Unavailable)
			got, err := v.Verify(x.t.Context(), r)
			mend()
			x.kind("Verify while Microsoft is unavailable", err, azure.ErrUnavailable)
			if got.Verdict != azure.VerdictUnspecified {
				x.wrong("the verdict beside the error is %v", got.Verdict)
			}
			_, err = v.Verify(x.over(errCanceled), r)
			x.canceled("Verify in a context that is over", err, errCanceled)
		},
	},
}

func (x *trial) verified(v azure.Verifier, r azure.Report, want azure.Verdict, mismatches ...string) {
	got, err := v.Verify(x.t.Context(), r)
	if err != nil {
		x.unserved("Verify", err)
		x.stop("Verify of %v: %v", r, err)
	}
	slices.Sort(got.Mismatches)
	if got.Verdict != want || !slices.Equal(got.Mismatches, mismatches) {
		x.wrong("Verify of %v: %v, mismatches %v; want %v, mismatches %v", r, got.Verdict, got.Mismatches, want, mismatches)
	}
}
