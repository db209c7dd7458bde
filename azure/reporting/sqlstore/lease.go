package sqlstore

import (
	"maps"
	"slices"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// leased is how many rows are under leases that end at one time, of those that
// can be claimed when it ends. PostgreSQL keeps these numbers instead of an index
// of leases: a row with an index on what a claim changes would be written into
// every index anew by each claim, and all rows of a claim have the same lease.
type leased struct {
	until int64
	by    int
}

// leaseOf is the lease by which a row waits, if it does: one that ends after
// the row is due.
func leaseOf(r *reporting.Row) (until int64, waits bool) {
	return micros(r.LeaseUntil), r.Queue != "" && r.LeaseUntil.After(r.Due)
}

// leasing adds up how the numbers change.
type leasing map[int64]int

func (l leasing) add(r *reporting.Row, by int) {
	if until, waits := leaseOf(r); waits {
		l[until] += by
	}
}

// leases answers the numbers that change, in an order in which all
// transactions lock them.
func (l leasing) leases() []leased {
	maps.DeleteFunc(l, func(_ int64, by int) bool { return by == 0 })
	all := make([]leased, 0, len(l))
	for _, until := range slices.Sorted(maps.Keys(l)) {
		all = append(all, leased{until, l[until]})
	}
	return all
}
