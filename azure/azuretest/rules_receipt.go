package azuretest

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// canonical is a GUID as receipts hold it.
var canonical = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var receiptRules = []rule{
	{
		"Receipt/Complete",
		"an administrator's page and a later Check live on the receipt: it names channel, tenant, device and message, says how the report stands and when Microsoft accepted it",
		func(x *trial) {
			r := x.report(0, compliance.StateCompliant)
			first, err := x.reporter.Report(x.t.Context(), r)
			if err != nil {
				x.stop("%v was not accepted: %v", r, err)
			}
			for _, receipt := range []azure.Receipt{first, x.follow(r, first)} {
				if receipt.Channel == "" {
					x.wrong("no Channel: %s", inJSON(receipt))
				}
				if receipt.TenantID != strings.ToLower(r.TenantID) || receipt.DeviceID != strings.ToLower(r.DeviceID) {
					x.wrong("the receipt of %v is of another device: %s", r, inJSON(receipt))
				}
				if receipt.AcceptedAt.IsZero() || receipt.AcceptedAt.Location() != time.UTC {
					x.wrong("AcceptedAt is %v, want a time in UTC", receipt.AcceptedAt)
				}
				if receipt.State != status.Successful && receipt.State != status.InProgress {
					x.wrong("State is %v", receipt.State)
				}
				if receipt.Failure != nil || receipt.Removal != azure.RemovalUnspecified {
					x.wrong("a report that was accepted and removed nothing has Failure %v and Removal %v", receipt.Failure, receipt.Removal)
				}
			}
		},
	},
	{
		"Receipt/KeepsID",
		"the caller's ID is what it finds the report by, here and at Microsoft; the receipt must carry it",
		func(x *trial) {
			r := x.report(0, compliance.StateCompliant)
			if receipt := x.send(r); receipt.MessageID != r.ID {
				x.wrong("MessageID is %q, want the report's ID %q", receipt.MessageID, r.ID)
			}
		},
	},
	{
		"Receipt/MakesID",
		"a report without an ID gets one of its own, or nobody could ask for it",
		func(x *trial) {
			first, second := x.report(0, compliance.StateCompliant), x.report(1, compliance.StateCompliant)
			first.ID, second.ID = "", ""
			a, b := x.send(first).MessageID, x.send(second).MessageID
			if !canonical.MatchString(a) || !canonical.MatchString(b) || a == b {
				x.wrong("made the ids %q and %q, want two different GUIDs in lower case", a, b)
			}
		},
	},
	{
		"Receipt/LowerCase",
		"hosts write GUIDs in either letter case and compare those of receipts; they are in lower case",
		func(x *trial) {
			r := x.report(0, compliance.StateNonCompliant)
			lower := r
			r.ID, r.TenantID, r.DeviceID, r.UserID = strings.ToUpper(r.ID), strings.ToUpper(r.TenantID), strings.ToUpper(r.DeviceID), strings.ToUpper(r.UserID)
			receipt := x.send(r)
			got := [...]string{receipt.MessageID, receipt.TenantID, receipt.DeviceID}
			if want := [...]string{lower.ID, strings.ToLower(lower.TenantID), strings.ToLower(lower.DeviceID)}; got != want {
				x.wrong("message, tenant and device are %q, want %q", got, want)
			}
			if x.Standing != nil {
				x.stands(lower, compliance.StateNonCompliant)
			}
		},
	},
	{
		"Receipt/Storable",
		"a receipt is stored as JSON and read by another process, which must find all of it, and nobody's name in it",
		func(x *trial) {
			r, user := x.named(0, compliance.StateCompliant)
			receipt := x.send(r)
			text := inJSON(receipt)
			var back azure.Receipt
			if err := json.Unmarshal([]byte(text), &back); err != nil {
				x.stop("the receipt cannot be read back: %v: %s", err, text)
			}
			if !sameReceipt(receipt, back) || !receipt.AcceptedAt.Equal(back.AcceptedAt) {
				x.wrong("the receipt changed on its way through JSON from %s to %s", text, inJSON(back))
			}
			x.nameless("the receipt", text, r, user)
		},
	},
}
