package reporting

import (
	"context"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// call is what was claimed of one queue and sent together.
type call struct {
	tenantID string
	letter   string // of the queue
	tenant   tenantDocument
	granted  int       // tokens that were taken for it
	blamed   bool      // the pace remembers failures that a success ends
	sentAt   time.Time // by the store's clock
	errands  []*errand
	idle     []*errand // nothing was to be done for them any more, or nothing is sent
}

// record writes the outcomes of a call in one transaction, with what they say
// of the tenant and of its pace.
func (e *Engine) record(ctx context.Context, c *call) error {
	v := judge(c.errands)
	all := slices.Concat(c.errands, c.idle)
	var logs []func()
	err := e.update(ctx, func(tx Tx) error {
		logs = nil
		if v.concerns(&c.tenant, c.letter, tx.Now()) {
			log, err := e.recordTenant(tx, c.tenantID, c.letter, v)
			if err != nil {
				return err
			}
			logs = append(logs, log)
		}
		keys := make([]Key, 0, len(all))
		for _, n := range all {
			keys = append(keys, n.row.Key)
		}
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		k := e.rules()
		var events []Row
		for i := range rows {
			row, n := &rows[i], all[i]
			if row.Version == 0 {
				continue
			}
			var t target
			if err := decodeTarget(*row, row.Claims, &t); err != nil {
				return err
			}
			// Claims and ClaimedAt together name one claim.
			lost := !row.ClaimedAt.Equal(n.row.ClaimedAt) || row.Claims != n.row.Claims
			var before map[string]status.Device
			if e.o.Events {
				before = t.everyDetails(&c.tenant, tx.Now(), k)
			}
			if i < len(c.errands) {
				t.settle(n, tx.Now(), &e.o, lost)
			}
			if !lost {
				if n.row.Claims > 1 && (i >= len(c.errands) || n.act == actCheck || n.act == actDelete) {
					t.lost(n.row.Claims-1, tx.Now())
				}
				row.LeaseUntil, row.ClaimedAt, row.Claims = time.Time{}, time.Time{}, 0
				t.calling = false
				if i < len(c.errands) && n.fault() == nil {
					row.Queue = "" // it had its turn: what it has to do next waits behind what waited for this
				}
			}
			if e.o.Events {
				events = append(events, t.news(c.tenantID, before, &c.tenant, tx.Now(), k)...)
			}
			if !t.plan(row, tx.Now(), k) {
				if err := tx.Delete(row.Key); err != nil {
					return err
				}
				continue
			}
			if err := tx.Put(*row); err != nil {
				return err
			}
		}
		if err := e.recordPace(tx, c, v); err != nil {
			return err
		}
		return putEvents(tx, events)
	})
	if err == nil {
		e.tell(c)
		for _, log := range logs {
			log()
		}
	}
	return err
}

// lost notes claims of which there will be no outcome: if they were reports, Azure
// may hold what they said, under a LastUpdateTime of one second a claim.
func (t *target) lost(claims int, now time.Time) {
	if t.calling {
		t.unsure(compliance.StateUnspecified, now)
	}
	if !t.Floor.IsZero() {
		t.Floor = t.Floor.Add(time.Duration(claims) * time.Second)
	}
}

// tell counts and logs what came of a call.
func (e *Engine) tell(c *call) {
	for _, n := range c.errands {
		fault := n.fault()
		e.counted.outcome(n.act, fault)
		if fault != nil {
			e.log.Info("a report failed", "tenant", c.tenantID, "device", n.target.AzureID, "error", fault.Error(), "request", fault.RequestID)
			continue
		}
		e.log.Debug("reported", "receipt", n.receipt)
	}
}

// verdict is what one call says beyond its devices.
type verdict struct {
	success   bool
	fault     *azure.Error // of the tenant
	refused   []string     // Azure ids whose write was forbidden
	throttled *azure.Error
	failed    *azure.Error // of the service
}

func judge(errands []*errand) verdict {
	var v verdict
	for _, n := range errands {
		e := n.fault()
		switch {
		case e == nil:
			v.success = true
		case e.Kind == azure.ErrThrottled:
			if v.throttled == nil || e.RetryAfter > v.throttled.RetryAfter {
				v.throttled = e
			}
		case e.Scope == azure.ScopeService || e.Kind == azure.ErrUnavailable:
			if e.Outcome != azure.OutcomeNotSent || v.failed == nil {
				v.failed = e
			}
		case e.Scope == azure.ScopeTenant:
			v.fault = e
			if e.Kind == azure.ErrForbidden && n.act != actDelete {
				v.refused = append(v.refused, n.target.AzureID)
			}
		}
	}
	return v
}

// concerns reports whether the tenant's row has to be written: a success is
// noted once a minute, for people to look at, unless it ends something.
func (v verdict) concerns(t *tenantDocument, letter string, now time.Time) bool {
	ch := t.channel(letter)
	return v.fault != nil || v.success && (ch.Parked != nil || len(ch.Refused) > 0 || now.Sub(t.LastSuccess) >= time.Minute)
}

// parkAfter is how many devices have to be refused, without a success between,
// before a refusal that may be one device's counts as the tenant's.
const parkAfter = 3

// longestProbe is how long a parked tenant waits at most from one try to the
// next, unless Microsoft asked for more.
const longestProbe = 30 * time.Minute

// recordTenant parks a tenant, or lets it go on. It answers what is to be
// logged once that is committed.
func (e *Engine) recordTenant(tx Tx, tenantID, letter string, v verdict) (log func(), err error) {
	log = func() {}
	rows, err := tx.Get(Key{Kind: kindTenant, Tenant: tenantID})
	if err != nil || rows[0].Version == 0 {
		return log, err
	}
	var t tenantDocument
	if err := decodeJSON(rows[0], &t); err != nil {
		return log, err
	}
	now, ch := tx.Now(), t.channel(letter)
	switch {
	case v.success:
		if ch.Parked != nil {
			since := ch.Parked.Since
			log = func() { e.log.Info("a tenant goes on", "tenant", tenantID, "queue", letter, "parked", since) }
		}
		*ch, t.LastSuccess = channelDocument{}, now
	default:
		for _, id := range v.refused {
			if !slices.Contains(ch.Refused, id) && len(ch.Refused) < parkAfter {
				ch.Refused = append(ch.Refused, id)
			}
		}
		if v.fault.Kind == azure.ErrForbidden && len(ch.Refused) < parkAfter && ch.Parked == nil {
			break
		}
		p := parking{Err: *v.fault, Since: now, Tries: 1}
		p.Err.Err = nil
		if ch.Parked != nil {
			p.Since, p.Tries = ch.Parked.Since, ch.Parked.Tries+1
		} else {
			log = func() {
				e.log.Error("a tenant is parked", "tenant", tenantID, "queue", letter, "error", v.fault.Error(), "request", v.fault.RequestID)
			}
		}
		p.Probe = now.Add(max(v.fault.RetryAfter, backOff(p.Tries, 30*time.Second, longestProbe)))
		ch.Parked = &p
	}
	rows[0].Data = encodeJSON(&t)
	return log, tx.Put(rows[0])
}

// askAgain is how long those wait who find somebody else trying.
const askAgain = 5 * time.Second

// unprobe gives the right to try back.
func (e *Engine) unprobe(ctx context.Context, tenantID, letter string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	err := e.update(ctx, func(tx Tx) error {
		rows, err := tx.Get(Key{Kind: kindTenant, Tenant: tenantID})
		if err != nil {
			return err
		}
		var t tenantDocument
		if err := decodeJSON(rows[0], &t); err != nil || t.channel(letter).Parked == nil {
			return err
		}
		p := t.channel(letter).Parked
		p.Probe, p.Taken = tx.Now(), false
		rows[0].Data = encodeJSON(&t)
		return tx.Put(rows[0])
	})
	if err != nil {
		e.log.Warn("the right to try was not given back", "tenant", tenantID, "error", err)
	}
}

// probe takes the right to be the one call of a parked channel that is tried
// now. It answers how long to wait where another has it or it is too early.
func (e *Engine) probe(ctx context.Context, tenantID, letter string) (wait time.Duration, err error) {
	err = e.update(ctx, func(tx Tx) error {
		wait = 0
		rows, err := tx.Get(Key{Kind: kindTenant, Tenant: tenantID})
		if err != nil {
			return err
		}
		var t tenantDocument
		if err := decodeJSON(rows[0], &t); err != nil || t.channel(letter).Parked == nil {
			return err
		}
		p := t.channel(letter).Parked
		wait = p.Probe.Sub(tx.Now())
		if longest := max(longestProbe, p.Err.RetryAfter, e.o.Lease); wait > longest {
			wait = 0 // the clock was set back
		}
		if wait > 0 {
			if p.Taken {
				wait = min(wait, askAgain) // it may end the parking, or find nothing to try with
			}
			return nil
		}
		wait = 0
		p.Probe, p.Taken = tx.Now().Add(e.o.Lease), true
		rows[0].Data = encodeJSON(&t)
		return tx.Put(rows[0])
	})
	return wait, err
}
