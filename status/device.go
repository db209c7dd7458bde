package status

import (
	"time"

	"github.com/mdmkit/devicestatus/compliance"
)

// Device is the Azure Device Details of one device: four fields, for each that
// is blank the reason, and what Microsoft accepted last. Devices are
// comparable with ==, apart from the ways a time.Time can differ.
//
// In JSON the names are lowerCamel and what is blank is left out. Times are
// RFC 3339 and written in the location that they carry: put UTC in.
type Device struct {
	// AzureDeviceID is the Azure Device Identifier: the GUID that Microsoft
	// gave the device, in lower case. Blank where it could not be retrieved.
	AzureDeviceID string `json:"azureDeviceId,omitzero"`

	// ComplianceStatus is the Azure Device Compliance Status: where the
	// report of the newest standing stands, not what that standing is.
	ComplianceStatus ReportState `json:"complianceStatus,omitzero"`

	// ClientCode is the Azure Client Status Code: whether the device is
	// connected to Azure.
	ClientCode ClientCode `json:"clientCode,omitzero"`

	// ReportTime is the Azure Device Compliance Report Time: when Microsoft
	// accepted the newest standing. Zero, blank, while it has not.
	ReportTime time.Time `json:"reportTime,omitzero"`

	// Blank says of each blank field why it is blank.
	Blank Blanks `json:"blank,omitzero"`

	// Cause names the fault behind a report that failed, or what else keeps
	// it waiting, such as a paused tenant: the text of an error's kind, one
	// word or a few. It holds no detail of Microsoft's and no personal data.
	Cause string `json:"cause,omitzero"`

	// Conflict is set while another record claims the same Azure id and
	// nothing tells which of them is right. The stricter standing is sent.
	Conflict bool `json:"conflict,omitzero"`

	// LastReported is the newest report that Microsoft accepted, which may be
	// of an earlier standing or under an earlier id. Zero if there was none.
	LastReported LastReported `json:"lastReported,omitzero"`
}

// Blanks holds the reason of each field of a Device that is blank, and
// BlankUnspecified for each that is not.
type Blanks struct {
	AzureDeviceID    BlankReason `json:"azureDeviceId,omitzero"`
	ComplianceStatus BlankReason `json:"complianceStatus,omitzero"`
	ClientCode       BlankReason `json:"clientCode,omitzero"`
	ReportTime       BlankReason `json:"reportTime,omitzero"`
}

// LastReported is a report that Microsoft accepted: what Azure holds of the
// device, unless somebody else wrote it since.
type LastReported struct {
	State         compliance.State `json:"state,omitzero"`
	Time          time.Time        `json:"time,omitzero"` // when Microsoft accepted it, UTC
	AzureDeviceID string           `json:"azureDeviceId,omitzero"`
}
