package intune

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
)

// The entries of a message.
const (
	entityInventory  = 1
	entityCompliance = 4
)

// inventoryEntry is EntityType 1. What is not known is written empty: no
// message without one of the fields has been seen.
type inventoryEntry struct {
	EntityType            int
	TenantID              string `json:"TenantId"`
	DeviceManagementState string
	DeviceID              string `json:"DeviceId"`
	DeviceName            string
	UserID                string `json:"UserId"`
	LastCheckInTime       string
	LastUpdateTime        string
	OS                    string   `json:"Os"`
	OSVersion             string   `json:"OsVersion"`
	EasIDs                []string `json:"EasIds"` // required; may be empty
	State                 int
}

// complianceEntry is EntityType 4. The lower-case c is Microsoft's.
type complianceEntry struct {
	EntityType       int
	TenantID         string `json:"TenantId"`
	DeviceID         string `json:"DeviceId"`
	UserID           string `json:"UserId"`
	LastUpdateTime   string
	ComplianceStatus string `json:"complianceStatus"`
}

// message is the body of an upload. Content is a JSON array written as a
// string.
type message struct {
	TenantID   string `json:"TenantId"`
	UploadTime string
	Content    string
}

// compose answers the JSON of a message that carries reports of one tenant.
// userIDs[i] is the user of reports[i].
func compose(reports []*azure.Report, userIDs []string, osTexts map[azure.Platform]string, now time.Time) ([]byte, error) {
	entries := make([]any, 0, 2*len(reports))
	for i, r := range reports {
		updated := r.UpdatedAt
		if updated.IsZero() {
			updated = now
		}
		checkedIn := r.LastCheckIn
		if checkedIn.IsZero() {
			checkedIn = updated
		}
		managed, status := "managed", "notCompliant"
		switch r.State {
		case compliance.StateCompliant:
			status = "compliant"
		case compliance.StateRemoved:
			managed = "notManaged"
		}
		entries = append(entries, &inventoryEntry{
			EntityType: entityInventory, TenantID: r.TenantID, DeviceManagementState: managed, DeviceID: r.DeviceID,
			DeviceName: r.Inventory.DeviceName, UserID: userIDs[i], LastCheckInTime: stamp(checkedIn), LastUpdateTime: stamp(updated),
			OS: osTexts[r.Platform], OSVersion: r.Inventory.OSVersion, EasIDs: []string{},
		}, &complianceEntry{
			EntityType: entityCompliance, TenantID: r.TenantID, DeviceID: r.DeviceID, UserID: userIDs[i],
			LastUpdateTime: stamp(updated), ComplianceStatus: status,
		})
	}
	content, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	return json.Marshal(message{TenantID: reports[0].TenantID, UploadTime: stamp(now), Content: string(content)})
}

// stamp writes a time as the service does, with whole seconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// verdict is what the service says of a message, when it takes it and when it
// is asked.
type verdict struct {
	Status      string
	ErrorCode   looseCode
	ErrorDetail looseDetail
}

// looseCode is a code that comes as a string, a number or null.
type looseCode string

func (c *looseCode) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) != nil {
		s = string(text) // a number
	}
	*c = looseCode(s)
	return nil
}

// looseDetail is a text; what is no text is kept as it came.
type looseDetail string

func (d *looseDetail) UnmarshalJSON(text []byte) error {
	var s string
	switch {
	case json.Unmarshal(text, &s) == nil:
		*d = looseDetail(s)
	default:
		*d = looseDetail(text)
	}
	return nil
}

// accepted is the ErrorCode of a message that was taken.
const acceptedCode = "202"

// refusal answers the failure that a verdict amounts to, for an answer whose
// HTTP status was a success.
func (v verdict) refusal(op string, a wire.Answer, names ...string) *azure.Error {
	e := wire.Failure(op, a, names...)
	code := string(v.ErrorCode)
	e.Kind, e.Scope, e.Outcome = azure.ErrRejected, azure.ScopeDevice, azure.OutcomeRefused
	if status, err := strconv.Atoi(code); err == nil && status >= 400 && status <= 599 {
		e.Kind, e.Scope, e.Outcome = wire.Meaning(status)
		if e.Kind == azure.ErrDeviceNotFound {
			e.Kind = azure.ErrRejected // nobody documents that 404 means the device here
		}
	}
	e.ErrorCode = wire.Identifier(code)
	e.Detail = wire.Detail(string(v.ErrorDetail), names...)
	return e
}
