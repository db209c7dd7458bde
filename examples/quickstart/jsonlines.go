package main

import (
	"encoding/json"
	"io"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// jsonLine is one device in the output of -json.
type jsonLine struct {
	Simulated   bool             `json:"simulated,omitzero"`
	TenantID    string           `json:"tenantId"`
	Device      string           `json:"device"`
	Platform    azure.Platform   `json:"platform"`
	Standing    compliance.State `json:"standing"`
	Details     status.Device    `json:"azureDeviceDetails"`
	Explanation string           `json:"explanation"`
	WouldSend   string           `json:"wouldSend,omitzero"` // where nothing is sent
	Error       string           `json:"error,omitzero"`     // one line, without names
}

func writeJSON(w io.Writer, l labels, records []*record) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		line := jsonLine{
			Simulated: l.mark == markSimulated, TenantID: r.tenantID, Device: r.hostID, Platform: r.platform,
			Standing: r.standing, Details: r.details, Explanation: r.details.Explain(), WouldSend: r.would,
		}
		if r.err != nil {
			line.Error = r.err.Error()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
