package reporting

import (
	"encoding/json"
	"testing"
	"time"
)

// What one question costs, and with reading and writing both rows.
func BenchmarkTake(b *testing.B) {
	p := pace{
		key: "a", tenant: new(bucket), limits: within(3000, 150*time.Second, 40),
		application: new(bucket), whole: within(35_000, 5*time.Minute, 240),
	}
	b.Run("values", func(b *testing.B) {
		now := noon
		for b.Loop() {
			_, wait := p.take(now, 20, routineWork)
			now = now.Add(wait)
		}
	})
	b.Run("rows", func(b *testing.B) {
		now := noon
		tenant, application := encodeJSON(p.tenant), encodeJSON(p.application)
		b.ReportMetric(float64(len(tenant)), "bytes/row")
		for b.Loop() {
			*p.tenant, *p.application = bucket{}, bucket{}
			if json.Unmarshal(tenant, p.tenant) != nil || json.Unmarshal(application, p.application) != nil {
				b.Fatal("not read")
			}
			_, wait := p.take(now, 20, routineWork)
			now = now.Add(wait)
			tenant, application = encodeJSON(p.tenant), encodeJSON(p.application)
		}
	})
}

// A million devices of one tenant, in virtual time: of-ideal is the time that
// they took, by what 20 writes a second allow.
func BenchmarkAMillionDevices(b *testing.B) {
	for b.Loop() {
		w := newHours(1)
		c := w.tenant("a", &slidingService{writes: 3000, window: 150 * time.Second}, wholeSeconds)
		c.routine = 1_000_000
		c.start(1)
		w.run(20 * time.Hour)
		b.ReportMetric(c.finished.Seconds()/50_000, "of-ideal")
		b.ReportMetric(float64(c.refused), "refused")
		b.ReportMetric(0, "ns/op")
	}
}
