package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// What a stopped worker had on its way counts as taken over when another writes
// it while it stands still, and as a fault when its lease had not ended.
func TestTakenOver(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	wrote := func(worker, second int, devices ...string) azuresim.Request {
		r := azuresim.Request{At: begin.Add(time.Duration(second) * time.Second), Method: http.MethodPost, Header: http.Header{"User-Agent": {fmt.Sprintf("worker-%d azsdk", worker)}}}
		for _, d := range devices {
			r.Items = append(r.Items, azuresim.Request{Method: http.MethodPatch, DeviceID: d})
		}
		return r
	}
	read := azuresim.Request{At: begin.Add(15 * time.Second), Method: http.MethodGet, DeviceID: "b", Header: http.Header{"User-Agent": {"worker-2"}}}
	stops := []stop{{worker: 1, from: begin, to: begin.Add(20 * time.Second)}}
	for _, c := range []struct {
		name     string
		requests []azuresim.Request
		want     int
		early    string
	}{
		{"nothing", nil, 0, ""},
		{"one of two", []azuresim.Request{wrote(1, 0, "a", "b"), wrote(2, 11, "a"), wrote(3, 12, "a", "c"), read}, 1, ""},
		{"by itself", []azuresim.Request{wrote(1, 0, "a"), wrote(1, 12, "a")}, 0, ""},
		{"before it was stopped", []azuresim.Request{wrote(1, -1, "a"), wrote(2, 12, "a")}, 0, ""},
		{"when it went on", []azuresim.Request{wrote(1, 0, "a"), wrote(2, 21, "a")}, 0, ""},
		{"under its lease", []azuresim.Request{wrote(1, 0, "a"), wrote(2, 9, "a")}, 1, "worker 2 wrote 9s after worker 1"},
	} {
		_, got, early := takenOver(stops, c.requests, time.Second)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: taken over (-want +got):\n%s", c.name, diff)
		}
		if text := strings.Join(early, "\n"); c.early == "" && text != "" || !strings.Contains(text, c.early) {
			t.Errorf("%s: too early %q, want %q", c.name, text, c.early)
		}
	}
}
