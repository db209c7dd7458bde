package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// keysAtOnce is how many keys one statement asks for.
const keysAtOnce = 100

// sqlite is the dialect of SQLite. A transaction that writes is begun
// IMMEDIATE: it holds the only write lock from its first statement on, so that
// rows need no locks of their own and nothing is to be run again.
type sqlite struct{ tables }

// begin waits for other processes' transactions; what follows waits for
// nobody, so that the statements do without a watch over the context, which
// costs more than many of them.
func (sqlite) begin(ctx context.Context, c *session) (int64, error) {
	err := c.exec("BEGIN IMMEDIATE")
	c.ctx = context.WithoutCancel(ctx)
	return 0, err
}

// commit lets a commit come to its end: it takes a moment, and whoever waits
// for it learns what became of it.
func (sqlite) commit(_ context.Context, c *session) error { return c.exec("COMMIT") }

// harmless: a BEGIN that failed, and a transaction that SQLite has rolled back
// by itself, as it does when the disk is full.
func (sqlite) harmless(err error) bool {
	return strings.Contains(err.Error(), "no transaction is active")
}

func (sqlite) clock() string { return "" }

func (d sqlite) nextLease() string {
	return "SELECT min(r.lease) FROM " + d.rows + " r WHERE " + queued + "r.lease > r.due AND r.lease > @now"
}

func (sqlite) beginRead(*session) (bool, error) { return false, nil }

func (sqlite) again(error) bool { return false }

func (sqlite) explain(err error) error {
	if err != nil && strings.Contains(err.Error(), "database is locked") {
		return fmt.Errorf("another connection has held the database's write lock for longer than PRAGMA busy_timeout: %w", err)
	}
	return err
}

func (sqlite) bind(statement string) string { return statement }

func (d sqlite) lock(c *session, keys []reporting.Key, found func(held) error) error {
	for len(keys) > 0 {
		n := 1
		for n < min(len(keys), keysAtOnce) && keys[n].Kind == keys[0].Kind && keys[n].Tenant == keys[0].Tenant {
			n++
		}
		args := make([]any, 2, 2+n)
		args[0], args[1] = keys[0].Kind, keys[0].Tenant
		for _, k := range keys[:n] {
			args = append(args, k.ID)
		}
		err := c.again("SELECT "+columns+", n FROM "+d.rows+" WHERE kind = ? AND tenant = ? AND id IN ("+list("?", n)+")", args, func(rows *sql.Rows) error {
			var h held
			if err := scanRow(rows, &h.Row, &h.place); err != nil {
				return err
			}
			return found(h)
		})
		if err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (d sqlite) write(c *session, ch *changes) error {
	for _, h := range ch.removed {
		if err := c.run("DELETE FROM "+d.rows+" WHERE n = ?", h.place); err != nil {
			return err
		}
	}
	for _, a := range ch.altered {
		if err := d.alter(c, a); err != nil {
			return err
		}
	}
	for _, r := range ch.fresh {
		err := c.run("INSERT INTO "+d.rows+" ("+columns+", worked, grp) VALUES ("+list("?", 15)+")",
			r.Kind, r.Tenant, r.ID, r.Version, r.Queue, r.Urgency, micros(r.Due), micros(r.LeaseUntil), micros(r.ClaimedAt), r.Claims,
			r.Label, micros(r.Since), some(r.Data), worked(r), groupOf(r).number())
		if err != nil {
			return err
		}
	}
	for _, n := range ch.counts {
		err := c.run("INSERT INTO "+d.counts+" (kind, tenant, label, urgency, grp, n) VALUES (?, ?, ?, ?, ?, ?)"+
			" ON CONFLICT (kind, tenant, label, urgency) DO UPDATE SET n = n + excluded.n",
			n.kind, n.tenant, n.label, n.urgency, n.number(), n.by)
		if err != nil {
			return err
		}
	}
	return nil
}

// alter writes a row over another. SQLite writes an index anew wherever one of
// its columns is set, changed or not: so only those that differ are.
func (d sqlite) alter(c *session, a alteration) error {
	was, r := &a.old.Row, a.new
	set := "UPDATE " + d.rows + " SET version = ?, claimed = ?, claims = ?, label = ?, data = ?"
	args := append(make([]any, 0, 14), r.Version, micros(r.ClaimedAt), r.Claims, r.Label, some(r.Data))
	if r.Queue != was.Queue {
		set, args = set+", queue = ?", append(args, r.Queue)
	}
	if r.Urgency != was.Urgency {
		set, args = set+", urgency = ?", append(args, r.Urgency)
	}
	if !r.Due.Equal(was.Due) {
		set, args = set+", due = ?", append(args, micros(r.Due))
	}
	if !r.LeaseUntil.Equal(was.LeaseUntil) {
		set, args = set+", lease = ?", append(args, micros(r.LeaseUntil))
	}
	if due := worked(r); due != worked(was) {
		set, args = set+", worked = ?", append(args, due)
	}
	if !r.Since.Equal(was.Since) {
		set, args = set+", since = ?", append(args, micros(r.Since))
	}
	if g := groupOf(r); g != groupOf(was) {
		set, args = set+", grp = ?", append(args, g.number())
	}
	return c.run(set+" WHERE n = ?", append(args, a.old.place)...)
}

// claim looks at each urgency of the queue by itself: over several the index is
// not in the order of due, and rows that are not due would have to be passed
// by.
func (d sqlite) claim(c *session, q reporting.Claim) ([]reporting.Row, error) {
	var taken []reporting.Row
	places := map[reporting.Key]int64{}
	now := sqlInt(c.now)
	for urgency := 0; ; urgency++ {
		left := q.Limit
		if !q.OldestFirst {
			left -= len(taken)
		}
		if left == 0 {
			break
		}
		err := c.value(&urgency, "SELECT urgency FROM "+d.rows+" WHERE queue <> '' AND queue = ? AND urgency >= ? ORDER BY urgency LIMIT 1", q.Queue, urgency)
		if errors.Is(err, sql.ErrNoRows) || err == nil && urgency > int(q.Most) {
			break
		}
		if err != nil {
			return nil, err
		}
		err = c.query("SELECT "+columns+", n FROM "+d.rows+" WHERE queue <> '' AND queue = ? AND urgency = ? AND due <= "+now+" AND lease <= "+now+
			" ORDER BY due, kind, tenant, id LIMIT ?", []any{q.Queue, urgency, left}, func(rows *sql.Rows) error {
			var h held
			if err := scanRow(rows, &h.Row, &h.place); err != nil {
				return err
			}
			places[h.Key] = h.place
			taken = append(taken, h.Row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	taken = inOrder(taken, q)
	claimed := moment(c.now)
	lease := exact(claimed.Add(q.Lease))
	for i := range taken {
		r := &taken[i]
		r.Version++
		r.Claims++
		r.ClaimedAt, r.LeaseUntil = claimed, lease
		err := c.run("UPDATE "+d.rows+" SET version = ?, claims = ?, claimed = ?, lease = ? WHERE n = ?",
			r.Version, r.Claims, micros(claimed), micros(lease), places[r.Key])
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}
