package reporting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/status"
)

// Event says that the details of a device are other than before. It is
// written with the change itself, so that neither is there without the other,
// where [Options.Events] is set. What concerns a tenant as a whole, its mode and
// what it is parked for, is no event of its devices.
type Event struct {
	TenantID string `json:"tenantId"`
	DeviceID string `json:"deviceId"` // the host's

	// Sequence grows by one with each event of a device. An event that is
	// handed out again has the number it had; a gap there is not. The first is
	// the store's time in milliseconds, so that a device that was forgotten and
	// is observed again goes on above the numbers it had.
	Sequence int64 `json:"sequence"`

	// Time is the store's time of the change.
	Time time.Time `json:"time"`

	// Device are the details after the change.
	Device status.Device `json:"device"`
}

// Events hands out the events that are there, oldest first for each device, at
// most a hundred at a time, and takes those out of the store for which handle
// returned nil. It returns when none is left, or with handle's error. Delivery
// is at least once: after a crash, or where two callers are at it at once,
// events come again. Call it every few seconds; an event that nobody fetches
// stays. handle may take its time: nothing is locked meanwhile. It may call
// the engine.
func (e *Engine) Events(ctx context.Context, handle func(context.Context, []Event) error) error {
	fail := func(err error) error { return fmt.Errorf("reporting: events: %w", err) }
	for {
		const page = 100
		rows, err := e.store.Scan(ctx, kindEvent, "", Key{}, page)
		if err != nil {
			return fail(err)
		}
		if len(rows) == 0 {
			return nil
		}
		events := make([]Event, len(rows))
		keys := make([]Key, len(rows))
		for i, row := range rows {
			keys[i] = row.Key
			if err := json.Unmarshal(row.Data, &events[i]); err != nil {
				return fail(fmt.Errorf("row %q: %w", row.ID, err))
			}
		}
		if err := handle(ctx, events); err != nil {
			return fail(err)
		}
		err = e.update(ctx, func(tx Tx) error {
			if _, err := tx.Get(keys...); err != nil {
				return err
			}
			return tx.Delete(keys...)
		})
		if err != nil {
			return fail(err)
		}
	}
}

// everyDetails answers the details of each record, by the host's id.
func (t *target) everyDetails(tenant *tenantDocument, now time.Time, k *rules) map[string]status.Device {
	all := make(map[string]status.Device, len(t.Records))
	for i := range t.Records {
		all[t.Records[i].Host] = t.settled(&t.Records[i], tenant, now, k)
	}
	return all
}

// settled answers details as if no call were under way: that one is claimed is no
// event, and so neither is that it ended.
func (t *target) settled(r *record, tenant *tenantDocument, now time.Time, k *rules) status.Device {
	defer func(was bool) { t.calling = was }(t.calling)
	t.calling = false
	return t.details(r, tenant, now, k)
}

// news answers rows of events of the records whose details are not those of
// before, and numbers them.
func (t *target) news(tenantID string, before map[string]status.Device, tenant *tenantDocument, now time.Time, k *rules) []Row {
	var rows []Row
	for i := range t.Records {
		r := &t.Records[i]
		after := t.settled(r, tenant, now, k)
		if was, there := before[r.Host]; there && was == after {
			continue
		}
		if r.Sequence == 0 {
			r.Sequence = now.UnixMilli() - 1
		}
		r.Sequence++
		rows = append(rows, Row{
			Key:  Key{kindEvent, tenantID, fmt.Sprintf("%s/%020d", r.Host, r.Sequence)},
			Data: encodeJSON(Event{TenantID: tenantID, DeviceID: r.Host, Sequence: r.Sequence, Time: now, Device: after}),
		})
	}
	return rows
}

func putEvents(tx Tx, events []Row) error {
	if len(events) == 0 {
		return nil
	}
	keys := make([]Key, len(events))
	for i := range events {
		keys[i] = events[i].Key
	}
	if _, err := tx.Get(keys...); err != nil {
		return err
	}
	return tx.Put(events...)
}
