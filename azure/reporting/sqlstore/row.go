package sqlstore

import (
	"cmp"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// columns are those of a row in the order in which scanRow takes them. The
// table has two more, computed from these: worked, its due where it has a
// queue, and grp, its group's number.
const columns = "kind, tenant, id, version, queue, urgency, due, lease, claimed, claims, label, since, data"

// never is the zero time, as statements have it. Times are microseconds since
// 1970; the zero time is a number like any other, long before.
var never = sqlInt(micros(time.Time{}))

func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// exact is a time as the store keeps it.
func exact(t time.Time) time.Time { return moment(micros(t)) }

func sqlInt(n int64) string { return strconv.FormatInt(n, 10) }

// scanRow reads a row. The Data is the caller's.
func scanRow(rows *sql.Rows, r *reporting.Row, more ...any) error {
	var due, lease, claimed, since int64
	into := [16]any{&r.Kind, &r.Tenant, &r.ID, &r.Version, &r.Queue, &r.Urgency, &due, &lease, &claimed, &r.Claims, &r.Label, &since, &r.Data}
	n := 13 + copy(into[13:], more)
	err := rows.Scan(into[:n]...)
	r.Due, r.LeaseUntil, r.ClaimedAt, r.Since = moment(due), moment(lease), moment(claimed), moment(since)
	return err
}

// ready is when a row can be claimed next.
func ready(r *reporting.Row) int64 { return max(micros(r.Due), micros(r.LeaseUntil)) }

// worked is the due of a row with a queue, for Tally; invalid of one without.
func worked(r *reporting.Row) sql.NullInt64 {
	return sql.NullInt64{Int64: micros(r.Due), Valid: r.Queue != ""}
}

// some is data as a column that is not null takes it: nil would be NULL.
func some(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func compareKeys(a, b reporting.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
}

// byDue is the order of claims among rows of one urgency.
func byDue(a, b *reporting.Row) int {
	return cmp.Or(a.Due.Compare(b.Due), compareKeys(a.Key, b.Key))
}
