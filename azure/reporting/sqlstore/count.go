package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// group is what Tally counts by.
type group struct {
	kind    reporting.Kind
	tenant  string
	label   string
	urgency uint8
}

func groupOf(r *reporting.Row) group { return group{r.Kind, r.Tenant, r.Label, r.Urgency} }

// number stands for the group in indexes, where a number takes a tenth of the
// room. Two groups of one number would share their Since, Due and Old; of
// 100,000 groups that is so once in a billion databases.
func (g group) number() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte{byte(g.kind), g.urgency})
	_, _ = h.Write([]byte(g.tenant))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(g.label))
	return int64(h.Sum64())
}

// count is by how many rows a group grows.
type count struct {
	group
	by int
}

// counting adds up how groups grow.
type counting map[group]int

// counts answers the groups that change, in an order in which all
// transactions lock them.
func (c counting) counts() []count {
	maps.DeleteFunc(c, func(_ group, by int) bool { return by == 0 })
	all := make([]count, 0, len(c))
	for g, by := range c {
		all = append(all, count{g, by})
	}
	slices.SortFunc(all, func(a, b count) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.tenant, b.tenant), strings.Compare(a.label, b.label), cmp.Compare(a.urgency, b.urgency))
	})
	return all
}

// Tally implements [reporting.Store]. It reads the counts that transactions
// keep, and the entries of an index for the rows that are Old: so it costs in
// the number of groups and of what is old, not of rows.
func (s *Store) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	where, args := "kind = ?1", []any{int64(kind), micros(before)}
	if tenant != "" {
		where, args = where+" AND tenant = ?3", append(args, tenant)
	}
	of := " FROM " + s.tables.rows + " r WHERE r.grp = c.grp AND r."
	some := "since <> " + never
	statement := "SELECT c.tenant, c.label, c.urgency, c.n, (SELECT count(*)" + of + some + " AND r.since < ?2)," +
		" (SELECT min(r.since)" + of + some + "), (SELECT min(r.worked)" + of + "worked IS NOT NULL)" +
		" FROM (SELECT tenant, label, urgency, grp, CAST(sum(n) AS bigint) AS n FROM " + s.tables.counts + " WHERE " + where +
		" GROUP BY tenant, label, urgency, grp) c WHERE c.n > 0 ORDER BY c.tenant, c.label, c.urgency"
	var tallies []reporting.Tally
	err := s.ask(ctx, "Tally", statement, args, func(rows *sql.Rows) error {
		var t reporting.Tally
		var since, due sql.NullInt64
		if err := rows.Scan(&t.Tenant, &t.Label, &t.Urgency, &t.Count, &t.Old, &since, &due); err != nil {
			return err
		}
		if since.Valid {
			t.Since = moment(since.Int64)
		}
		if due.Valid {
			t.Due = moment(due.Int64)
		}
		tallies = append(tallies, t)
		return nil
	})
	return tallies, err
}
