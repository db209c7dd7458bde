package reporting

import (
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// errand is one target on its way: what was claimed, what was decided, and the
// report that goes out for it.
type errand struct {
	row    Row // as claimed
	target target
	decision
	message *message // of actCheck
	report  azure.Report
	updated time.Time // the report's LastUpdateTime
	owner   record    // of actReport: whose standing it is
	carried azure.Inventory
	parked  bool // it is the try of a parked channel

	receipt azure.Receipt
	err     error
}

// newErrand answers what to do for a claimed row, false where nothing is due
// any more: it changed between planning and claiming.
func newErrand(row Row, k *rules) (*errand, bool, error) {
	n := &errand{row: row}
	if err := decodeTarget(row, row.Claims-1, &n.target); err != nil {
		return nil, false, err
	}
	n.decision = n.target.decide(row.ClaimedAt, k)
	if n.act == actNothing || n.due.After(row.ClaimedAt) {
		return n, false, nil
	}
	// In order, also after a lease that lapsed: what was sent under it carries
	// a time that is not known here, at most one second a claim behind the
	// floor.
	n.updated = row.ClaimedAt.Truncate(time.Second)
	if floor := n.target.Floor.Add(time.Duration(max(row.Claims, 1)) * time.Second); n.updated.Before(floor) {
		n.updated = floor
	}
	n.report = azure.Report{
		TenantID: row.Tenant, DeviceID: n.target.AzureID, KeepObject: true, Trigger: n.trigger, UpdatedAt: n.updated,
		State: n.state,
	}
	switch n.act {
	case actCheck:
		if n.message = n.target.Message; n.closing != nil {
			n.message = n.closing.Message
		}
	case actClose:
		n.report.State = compliance.StateRemoved
		n.report.Platform, n.report.UserID, n.report.UserPrincipalName = n.closing.Platform, n.closing.UserID, n.closing.UPN
	case actDelete:
		// The record may have been forgotten since.
		n.report.Platform, n.report.UserID, n.report.UserPrincipalName = n.target.platform(), n.target.Accepted.UserID, n.target.Accepted.UPN
	case actReport:
		r, _ := n.target.owner()
		n.owner = *r
		n.carried = k.carried(r.Platform, r.Inventory)
		n.report.Platform, n.report.UserID, n.report.UserPrincipalName = r.Platform, r.UserID, r.UPN
		n.report.LastCheckIn = r.LastCheckIn
		n.report.Inventory = n.news()
	}
	return n, true, nil
}

// news answers the inventory to send: on Windows what Microsoft does not have
// yet, unless the report is a full one, or what Microsoft has is not known; on
// the partner channel all of it, for nobody documents what leaving a field out
// means there.
func (n *errand) news() azure.Inventory {
	t := &n.target
	had := t.Accepted
	unsure := t.calling || t.Again || len(t.Unsure)+len(t.Doubts) > 0
	if n.report.Platform != azure.PlatformWindows || n.trigger == azure.TriggerRefresh || n.trigger == azure.TriggerSync ||
		had == nil || had.State == compliance.StateRemoved || unsure {
		return n.carried
	}
	news := n.carried
	if news.DeviceName == had.Inventory.DeviceName {
		news.DeviceName = ""
	}
	if news.OSVersion == had.Inventory.OSVersion {
		news.OSVersion = ""
	}
	return news
}
