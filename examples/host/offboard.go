package main

import (
	"context"
	"net/http"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// offBoarding is a line of the answer to an off-boarding: how far it is, and
// in the last line that it is done.
type offBoarding struct {
	Devices int        `json:"devices"`
	Closed  int        `json:"closed"`
	Cause   azure.Kind `json:"cause,omitempty"`
	Done    bool       `json:"done,omitempty"`
}

// postOffBoard ends the reporting of a tenant, and says how far it is, a line
// every few seconds. If the client goes away or the service ends, it stays
// begun, and a second request goes on with it.
func (s *service) postOffBoard(w http.ResponseWriter, r *http.Request) {
	t, known := s.tenant(w, r)
	if !known {
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	defer context.AfterFunc(s.stopping, stop)()
	lines := newLines(w)
	var last offBoarding
	err := s.engine.OffBoard(ctx, t.Account, t.TenantID, func(now reporting.OffBoarding) {
		last = offBoarding{Devices: now.Devices, Closed: now.Closed, Cause: now.Cause}
		lines.write(last)
		lines.flush()
	})
	if err != nil {
		lines.fail(s, r, err)
		return
	}
	last.Devices, last.Cause, last.Done = 0, "", true
	lines.write(last)
	lines.flush()
}
