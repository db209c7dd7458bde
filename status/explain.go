package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
)

// Explain says in one plain English sentence how the report of the device
// stands and why a blank Report Time is blank. It is made of the fields of d
// and of nothing else: it names no device, no user and no id. It is meant for
// people; a program reads the fields.
func (d Device) Explain() string {
	var b strings.Builder
	if d.ReportTime.IsZero() {
		d.explainBlank(&b)
	} else {
		d.explainAccepted(&b)
	}
	if d.Conflict {
		b.WriteString("; another record claims the same Azure id")
	}
	b.WriteByte('.')
	s := b.String()
	return strings.ToUpper(s[:1]) + s[1:]
}

// explainAccepted is for a standing that Microsoft has accepted.
func (d Device) explainAccepted(b *strings.Builder) {
	b.WriteString("Microsoft accepted at ")
	b.WriteString(moment(d.ReportTime))
	b.WriteString(" that the device is ")
	b.WriteString(standing(d.LastReported.State))
	switch {
	case d.ComplianceStatus == InProgress:
		b.WriteString(" and has not confirmed it yet")
	case d.ComplianceStatus == Failed:
		b.WriteString(", but the report failed")
		d.explainCause(b)
	case d.LastReported.State == compliance.StateCompliant && d.ClientCode != "" && d.ClientCode.HoldsCompliant():
		b.WriteString("; the next report waits until its user signs in")
		d.explainCode(b)
	}
}

// explainBlank is for a standing that Microsoft has not accepted.
func (d Device) explainBlank(b *strings.Builder) {
	reason := d.Blank.ReportTime.Description()
	if reason == "" {
		reason = "nothing has been reported, and no reason is recorded"
	}
	b.WriteString(reason)
	d.explainCause(b)
	switch d.Blank.ReportTime {
	case BlankClientError, BlankWaitsForSignIn:
		d.explainCode(b)
	}
	if d.LastReported.Time.IsZero() {
		return
	}
	held := "; Azure still holds the device as %s since %s"
	if d.LastReported.AzureDeviceID != d.AzureDeviceID {
		held = "; under an earlier id it was reported as %s last, at %s"
	}
	fmt.Fprintf(b, held, standing(d.LastReported.State), moment(d.LastReported.Time))
}

func (d Device) explainCause(b *strings.Builder) {
	if d.Cause == "" {
		return
	}
	const most = 64 // a cause is a word or a few
	b.WriteString(" (")
	b.WriteString(showable(d.Cause, most))
	b.WriteString(")")
}

func (d Device) explainCode(b *strings.Builder) {
	if d.ClientCode == "" {
		return
	}
	b.WriteString(": ")
	b.WriteString(d.ClientCode.String())
	b.WriteString(", ")
	b.WriteString(d.ClientCode.Description())
	if d.ClientCode.UserCanResolve() {
		b.WriteString(", which the user can do")
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func standing(s compliance.State) string {
	switch s {
	case compliance.StateCompliant:
		return "compliant"
	case compliance.StateNonCompliant:
		return "not compliant"
	case compliance.StateRemoved:
		return "removed"
	}
	return "in a state that was not recorded"
}
