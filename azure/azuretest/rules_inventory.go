package azuretest

import (
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

var inventoryRules = []rule{
	{
		"Inventory/NeverRefuses",
		"a fault of the inventory is mended, never a reason not to send: a name of 300 characters must not keep a lock-out from Azure",
		func(x *trial) {
			for what, inventory := range map[string]azure.Inventory{
				"a name of 300 characters":     {DeviceName: strings.Repeat("n", 300)},
				"a name of 300 pairs":          {DeviceName: strings.Repeat("\U0001f600", 300)},
				"control characters":           {DeviceName: "PC\x00\r\n7", OSVersion: "10\x1b"},
				"broken UTF-8":                 {DeviceName: "PC\xff\xc37"},
				"nothing but space":            {DeviceName: " \t ", OSVersion: "\n"},
				"a version without end":        {OSVersion: strings.Repeat("10.", 2000)},
				"an ownership nobody knows":    {Ownership: 200},
				"quotes and braces":            {DeviceName: `"},"isCompliant":true,"x":{"y":"`},
				"all of them at the same time": {DeviceName: "\xff" + strings.Repeat("\U0001f600\n", 300), OSVersion: strings.Repeat("\x00", 500), Ownership: 99},
			} {
				r := x.report(0, compliance.StateNonCompliant)
				r.Inventory = inventory
				receipt, err := x.reporter.Report(x.t.Context(), r)
				if err != nil {
					x.wrong("%s: %v", what, err)
					continue
				}
				x.settle(r, receipt)
				if x.Standing != nil {
					x.stands(r, compliance.StateNonCompliant)
				}
			}
		},
	},
	{
		"Inventory/MendingNoted",
		"what was mended is noted in the receipt by field and length, never by value: an administrator sees why a name differs",
		func(x *trial) {
			carrier := need[azure.InventoryCarrier](x, "InventoryCarrier")
			r := x.report(0, compliance.StateCompliant)
			r.Inventory.DeviceName = canaryDevice + strings.Repeat("n", 300)
			if carrier.CarriedInventory(r.Platform, r.Inventory).DeviceName == "" {
				x.skip("a channel that carries the device's name")
			}
			notes := strings.Join(x.send(r).Notes, "\n")
			if !strings.Contains(notes, "DeviceName") {
				x.wrong("a name of %d characters was cut; the notes are %q", len(r.Inventory.DeviceName), notes)
			}
			if strings.Contains(notes, canaryDevice) {
				x.wrong("the notes hold the name: %q", notes)
			}
		},
	},
	{
		"Inventory/EmptyKeeps",
		"what the inventory leaves empty keeps its value at Microsoft: the caller leaves out what did not change",
		func(x *trial) {
			if x.Inventory == nil {
				x.skip("Harness.Inventory")
			}
			full := x.report(0, compliance.StateCompliant)
			full.Inventory = azure.Inventory{DeviceName: "PC-7", OSVersion: "10.0.26100"}
			x.send(full)
			want := x.Inventory(x.t, full)
			x.send(x.report(0, compliance.StateNonCompliant))
			if got := x.Inventory(x.t, full); got != want {
				x.wrong("a report without inventory changed name %q, version %q to %q, %q", want.DeviceName, want.OSVersion, got.DeviceName, got.OSVersion)
			}
			part := x.report(0, compliance.StateNonCompliant)
			part.Inventory.OSVersion = "10.0.26200"
			x.send(part)
			if got := x.Inventory(x.t, full); got.DeviceName != want.DeviceName {
				x.wrong("a report of the version alone changed the name from %q to %q", want.DeviceName, got.DeviceName)
			}
		},
	},
	{
		"Inventory/Carried",
		"by CarriedInventory a caller tells which change is worth a call: it answers what is sent, no more, and the same when asked again",
		func(x *trial) {
			carrier := need[azure.InventoryCarrier](x, "InventoryCarrier")
			r := x.report(0, compliance.StateCompliant)
			if got := carrier.CarriedInventory(r.Platform, azure.Inventory{}); got != (azure.Inventory{}) {
				x.wrong("of nothing it carries %v", got)
			}
			for _, full := range []azure.Inventory{
				{DeviceName: "PC-7", OSVersion: "10.0.26100", Ownership: azure.OwnershipCompany},
				{DeviceName: " PC\x008" + strings.Repeat("n", 300), OSVersion: "10.0.26200\n", Ownership: azure.OwnershipPersonal},
			} {
				carried := carrier.CarriedInventory(r.Platform, full)
				if again := carrier.CarriedInventory(r.Platform, carried); again != carried {
					x.wrong("carried once it is name %q, version %q, carried again %q, %q", carried.DeviceName, carried.OSVersion, again.DeviceName, again.OSVersion)
				}
				if x.Inventory == nil {
					continue
				}
				r := x.report(0, compliance.StateCompliant)
				r.Inventory = full
				x.send(r)
				got := x.Inventory(x.t, r)
				if carried.DeviceName != "" && got.DeviceName != carried.DeviceName || carried.OSVersion != "" && got.OSVersion != carried.OSVersion ||
					carried.Ownership != azure.OwnershipUnspecified && got.Ownership != carried.Ownership {
					x.wrong("said to carry name %q, version %q, %v; Microsoft holds %q, %q, %v", carried.DeviceName, carried.OSVersion, carried.Ownership,
						got.DeviceName, got.OSVersion, got.Ownership)
				}
			}
		},
	},
}
