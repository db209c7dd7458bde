package sqlstore

import (
	"cmp"
	"database/sql"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// columns are those of a row in the order in which scanRow takes them. The
// table has two more, computed from these: ready, when a row can be claimed
// next, and worked, its due where it has a queue.
const columns = "kind, tenant, id, version, queue, urgency, due, lease, claimed, claims, label, since, data"

// never is the zero time. Times are microseconds since 1970; the zero time is
// a number like any other, long before.
var never = time.Time{}.UnixMicro()

func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// exact is a time as the store keeps it.
func exact(t time.Time) time.Time { return moment(micros(t)) }

// scanRow reads a row. The Data is the caller's.
func scanRow(rows *sql.Rows, r *reporting.Row, more ...any) error {
	var due, lease, claimed, since int64
	err := rows.Scan(append([]any{&r.Kind, &r.Tenant, &r.ID, &r.Version, &r.Queue, &r.Urgency, &due, &lease, &claimed, &r.Claims, &r.Label, &since, &r.Data}, more...)...)
	r.Due, r.LeaseUntil, r.ClaimedAt, r.Since = moment(due), moment(lease), moment(claimed), moment(since)
	return err
}

// ready is when a row can be claimed next.
func ready(r *reporting.Row) int64 { return max(micros(r.Due), micros(r.LeaseUntil)) }

// worked is the due of a row with a queue, for Tally; nil of one without.
func worked(r *reporting.Row) any {
	if r.Queue == "" {
		return nil
	}
	return micros(r.Due)
}

func compareKeys(a, b reporting.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
}

// sameWork says whether a row stands in the same place of every index.
func sameWork(a, b *reporting.Row) bool {
	return a.Queue == b.Queue && a.Urgency == b.Urgency && a.Due.Equal(b.Due) && a.LeaseUntil.Equal(b.LeaseUntil) &&
		a.Label == b.Label && a.Since.Equal(b.Since)
}
