package azuresim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// What one request costs in process, so that a benchmark of a client knows the
// simulator's share. With and without the ledger.
func BenchmarkPatch(b *testing.B) {
	for name, limit := range map[string]int{"ledger": 0, "no ledger": -1} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, &azuresim.Options{LedgerLimit: limit, Throttle: azuresim.Throttle{Off: true}})
			token := w.token(b)
			b.ReportAllocs()
			for b.Loop() {
				if r := w.graph(b, token, http.MethodPatch, w.devicePath(), `{"isManaged":true,"isCompliant":false}`); r.status != 204 {
					b.Fatal(r.status)
				}
			}
		})
	}
}

func BenchmarkBatchOf20(b *testing.B) {
	w := newWorld(b, &azuresim.Options{LedgerLimit: -1, Throttle: azuresim.Throttle{Off: true}})
	token := w.token(b)
	var items []string
	for i := range 20 {
		d := w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
		items = append(items, patchItem(fmt.Sprint(i), d.DeviceID, `{"isManaged":true,"isCompliant":false}`))
	}
	body := batchOf(items...)
	b.ReportAllocs()
	for b.Loop() {
		if r := w.graph(b, token, http.MethodPost, "/$batch", body); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}
