package azuretest

import (
	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

var removalRules = []rule{
	{
		"Removal/Removes",
		"a retired device loses access: it is unmanaged and non-compliant at Microsoft, or gone, and the receipt says which",
		func(x *trial) {
			x.send(x.report(0, compliance.StateCompliant))
			r := x.report(0, compliance.StateRemoved)
			receipt := x.send(r)
			if receipt.Removal == azure.RemovalUnspecified {
				x.wrong("the receipt of a removal does not say what was removed: %s", inJSON(receipt))
			}
			state, present := x.standing(r)
			if present && state != compliance.StateRemoved {
				x.wrong("device %s stands %v after its removal", r.DeviceID, state)
			}
			if kept := receipt.Removal == azure.RemovalMarked || receipt.Removal == azure.RemovalProtected; kept != present && receipt.Removal != azure.RemovalUnspecified {
				x.wrong("the receipt says %v, and the device is %s", receipt.Removal, shown(state, present))
			}
		},
	},
	{
		"Removal/OnlyRemoved",
		"only StateRemoved removes: whatever else is reported, in whatever form, leaves the device managed",
		func(x *trial) {
			for _, state := range []compliance.State{compliance.StateNonCompliant, compliance.StateCompliant} {
				for _, trigger := range []azure.Trigger{azure.TriggerUnspecified, azure.TriggerChange, azure.TriggerInventory, azure.TriggerRefresh, azure.TriggerSync} {
					for _, keep := range []bool{false, true} {
						r := x.report(0, state)
						r.KeepObject, r.Trigger = keep, trigger
						receipt := x.send(r)
						if receipt.Removal != azure.RemovalUnspecified {
							x.wrong("%v: the receipt speaks of a removal: %v", r, receipt.Removal)
						}
						x.stands(r, state)
					}
				}
			}
		},
	},
	{
		"Removal/Again",
		"a removal whose answer was lost is sent again, to a device that may be gone by then; that is success",
		func(x *trial) {
			x.send(x.report(0, compliance.StateNonCompliant))
			for range 2 {
				r := x.report(0, compliance.StateRemoved)
				if receipt := x.send(r); receipt.Removal == azure.RemovalUnspecified {
					x.wrong("the receipt of a removal does not say what was removed: %s", inJSON(receipt))
				}
				if x.Standing != nil {
					x.stands(r, compliance.StateRemoved)
				}
			}
		},
	},
	{
		"Removal/KeepObject",
		"KeepObject ends access and nothing else: with the object go BitLocker and LAPS secrets, and the PC cannot sign in",
		func(x *trial) {
			x.send(x.report(0, compliance.StateCompliant))
			r := x.report(0, compliance.StateRemoved)
			r.KeepObject = true
			receipt := x.send(r)
			if receipt.Removal != azure.RemovalMarked {
				x.wrong("Removal is %v, want marked", receipt.Removal)
			}
			if state, present := x.standing(r); state != compliance.StateRemoved || !present {
				x.wrong("device %s stands %s, want it removed and its object there", r.DeviceID, shown(state, present))
			}
		},
	},
	{
		"Removal/DeleteObject",
		"DeleteObject takes the second step of a removal alone, and its receipt says what became of the object",
		func(x *trial) {
			d := deleter(x)
			x.send(x.report(0, compliance.StateCompliant))
			r := x.report(0, compliance.StateRemoved)
			r.KeepObject = true
			x.send(r)
			receipt, err := d.DeleteObject(x.t.Context(), x.report(0, compliance.StateRemoved))
			if err != nil {
				x.unserved("DeleteObject", err)
				x.stop("DeleteObject: %v", err)
			}
			state, present := x.standing(r)
			gone := receipt.Removal == azure.RemovalDeleted || receipt.Removal == azure.RemovalAbsent
			if gone == present || !gone && receipt.Removal != azure.RemovalProtected {
				x.wrong("Removal is %v, and the device is %s", receipt.Removal, shown(state, present))
			}
			if receipt.State != status.Successful || receipt.AcceptedAt.IsZero() {
				x.wrong("the receipt is not complete: %s", inJSON(receipt))
			}
			again, err := d.DeleteObject(x.t.Context(), x.report(0, compliance.StateRemoved))
			if err != nil {
				x.wrong("DeleteObject of an object that is gone: %v", err)
			} else if gone && again.Removal != azure.RemovalAbsent {
				x.wrong("DeleteObject of an object that is gone: Removal is %v, want absent", again.Removal)
			}
		},
	},
	{
		"Removal/DeleteObjectOnlyRemoved",
		"only StateRemoved deletes an object: a report of any other state that came here by mistake is refused",
		func(x *trial) {
			d := deleter(x)
			good := x.report(0, compliance.StateCompliant)
			x.send(good)
			for _, state := range []compliance.State{compliance.StateUnspecified, compliance.StateCompliant, compliance.StateNonCompliant, 200} {
				x.keeps("DeleteObject of a device that is "+state.String(), func() {
					receipt, err := d.DeleteObject(x.t.Context(), x.report(0, state))
					x.unserved("DeleteObject", err)
					x.refused("DeleteObject of a device that is "+state.String(), receipt, err)
				}, good)
			}
		},
	},
}

// unserved ends the check where a wrapper or router has a method that the
// channel behind it has not.
func (x *trial) unserved(method string, err error) {
	e := x.failure(method, err)
	if e != nil && e.Kind == azure.ErrUnsupported {
		x.skip(method + " on the platform of Harness.NewReport")
	}
}
