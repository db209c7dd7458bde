package reporting

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// paced answers the queue whose quota a queue's calls draw on: a second step
// of a removal is a write of Microsoft Graph's. Questions how messages stand
// are no writes.
func paced(letter string) (quota string, yes bool) {
	switch letter {
	case queueGraph, queueDelete:
		return queueGraph, true
	case queuePartner:
		return queuePartner, true
	}
	return "", false
}

// reports says whether a queue is one of reports, and not of what follows them.
func reports(letter string) bool { return letter == queueGraph || letter == queuePartner }

// drawing is the pace of a tenant and channel within a transaction.
type drawing struct {
	pace
	tx     Tx
	rows   []Row
	tenant bucket
	whole  bucket
	before [2]bucket
}

// draw gets the pace of a tenant and channel, the tenant's and that of all
// tenants.
func (e *Engine) draw(tx Tx, tenantID, quota string) (*drawing, error) {
	rows, err := tx.Get(Key{kindPace, "", quota}, Key{kindPace, tenantID, quota})
	if err != nil {
		return nil, err
	}
	d := &drawing{tx: tx, rows: rows}
	if err := decodeJSON(rows[0], &d.whole); err != nil {
		return nil, err
	}
	if err := decodeJSON(rows[1], &d.tenant); err != nil {
		return nil, err
	}
	d.before = [2]bucket{d.whole, d.tenant}
	d.pace = pace{key: tenantID, tenant: &d.tenant, limits: e.tenantLimits}
	if e.wholeLimits.rate > 0 {
		d.pace.application, d.pace.whole = &d.whole, e.wholeLimits
	}
	d.pace.limits.seed, d.pace.whole.seed = seed(tenantID+quota), seed(quota)
	return d, nil
}

func seed(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// charge takes what was used beyond what was taken.
func (d *drawing) charge(n int) {
	for _, b := range []*bucket{&d.tenant, &d.whole} {
		b.Tokens = max(0, b.Tokens-float64(n))
	}
}

// put writes what has changed.
func (d *drawing) put() error {
	var rows []Row
	if d.whole != d.before[0] {
		d.rows[0].Data = encodeJSON(d.whole)
		rows = append(rows, d.rows[0])
	}
	if d.tenant != d.before[1] {
		d.rows[1].Data = encodeJSON(d.tenant)
		rows = append(rows, d.rows[1])
	}
	if len(rows) == 0 {
		return nil
	}
	return d.tx.Put(rows...)
}

// spend takes up to want tokens of a tenant and channel. With none it answers
// how long to wait.
func (e *Engine) spend(ctx context.Context, c *call, quota string, want, lane int) (n int, wait time.Duration, err error) {
	err = e.update(ctx, func(tx Tx) error {
		d, err := e.draw(tx, c.tenantID, quota)
		if err != nil {
			return err
		}
		c.blamed = d.tenant.Tries+d.tenant.Fails+d.whole.Tries+d.whole.Fails > 0 || d.whole.Blame != ""
		d.pressing = lane == lanePress
		n, wait = d.take(tx.Now(), want, lane == laneAny)
		return d.put()
	})
	if err != nil {
		n = 0
	}
	return n, wait, err
}

// refund gives back tokens that were not used. Where that fails they are lost
// for a moment, since the bucket fills anyway.
func (e *Engine) refund(ctx context.Context, tenantID, quota string, n int) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	err := e.update(ctx, func(tx Tx) error {
		d, err := e.draw(tx, tenantID, quota)
		if err != nil {
			return err
		}
		d.giveBack(n)
		return d.put()
	})
	if err != nil {
		e.log.Warn("tokens were not given back", "tenant", tenantID, "error", err)
	}
}

// recordPace tells the pace what came of a call.
func (e *Engine) recordPace(tx Tx, c *call, v verdict) error {
	quota, yes := paced(c.letter)
	if !yes {
		// A question that is throttled or not answered slows down the
		// questions by their own waits.
		return nil
	}
	used := 0
	for _, n := range c.errands {
		used += max(1, n.receipt.Attempts) // the reporter may have repeated requests
	}
	back := c.granted - used
	if back == 0 && v.throttled == nil && v.failed == nil && !c.blamed {
		return nil
	}
	d, err := e.draw(tx, c.tenantID, quota)
	if err != nil {
		return err
	}
	now := tx.Now()
	if v.success {
		d.went(c.sentAt)
	}
	if back > 0 {
		d.giveBack(back)
	} else {
		d.charge(-back)
	}
	if v.throttled != nil {
		d.throttled(now, c.sentAt, v.throttled.RetryAfter, v.throttled.Scope == azure.ScopeService)
	}
	if v.failed != nil && !v.success {
		d.failed(now, c.sentAt, v.failed.RetryAfter)
	}
	return d.put()
}
