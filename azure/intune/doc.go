// Package intune reports iOS, iPadOS, Android and macOS devices to the Intune
// partner compliance services.
//
// The vendor's application must be onboarded with Microsoft as a compliance
// partner, and each customer's administrator consents to it and adds the
// partner in the Intune admin center. Microsoft describes this protocol to
// onboarded partners only. What this package knows was read from public source
// that talks to the real service; what nobody outside Microsoft has documented
// is a setting whose default is a guess: see below.
//
// # What is sent
//
//  1. Report is one PUT of a message whose id is Report.ID, with two entries:
//     the inventory and the standing, both of the same LastUpdateTime, which is
//     Report.UpdatedAt. Microsoft keeps the newest by that time, so the caller
//     keeps it increasing for each device. Times have whole seconds.
//  2. The answer's body carries the verdict: accepted, and the Receipt is
//     InProgress; or refused, also where the HTTP status is 200.
//  3. Check asks how a message stands: Completed is Successful, Failed is Failed
//     with Microsoft's detail, everything else is still in progress. A message
//     that the service does not know has failed.
//  4. Removal is the device reported as not managed and not compliant. That is
//     all: Microsoft drops the entry after about 90 days.
//  5. Microsoft wants the user's object id. Where a report has the user
//     principal name only, it is looked up through Microsoft Graph, inside the
//     body of a $batch so that it stands in no address, and kept for
//     Options.UserLifetime. For a non-compliant device or a removal the last
//     known id serves where the lookup fails.
//  6. The addresses of a tenant's services are asked of Microsoft Graph and kept
//     for Options.DiscoveryLifetime. A token goes only to an address under
//     manage.microsoft.com (manage.microsoft.us for US Government), over https.
//
// Give the whole inventory with each report. What is not known is sent empty,
// since no message without one of the fields has been seen; what that does to
// the value at Microsoft is not documented.
//
// # Permissions
//
// Of the Intune API: update_device_attributes to report,
// manage_partner_compliance_policy to set tenants up. Of Microsoft Graph:
// Application.Read.All for the addresses, User.Read.All to look up users.
//
// # Guesses
//
// Not documented outside Microsoft, and settings for that reason: the Os texts
// other than macOS ([Options].OSTexts); the Platform texts of policies other
// than macOS and iOS ([Options].PolicyTexts); whether a message may carry
// several devices ([Options].DevicesPerMessage, default one). Guesses without
// a setting: an ErrorCode of a message that is an HTTP status is read as one;
// a repeated PUT of one message id does no harm.
package intune
