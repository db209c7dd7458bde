package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// scanAll answers all rows of a kind, in pages.
func (x *trial) scanAll(kind reporting.Kind, tenant string, page int) []reporting.Row {
	var all []reporting.Row
	var after reporting.Key
	for range 1000 {
		rows, err := x.store.Scan(x.ctx(), kind, tenant, after, page)
		if err != nil {
			x.stop("Scan: %v", err)
		}
		if len(rows) > page {
			x.wrong("Scan answers %d rows, want %d at most", len(rows), page)
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all
		}
		after = rows[len(rows)-1].Key
	}
	x.stop("Scan goes on and on")
	return nil
}

// fleet puts rows of several kinds and tenants, not in their order, and answers
// them in it.
func (x *trial) fleet() []reporting.Row {
	var rows []reporting.Row
	for kind := range reporting.Kind(3) {
		for _, tenant := range []string{"", "a", "aa", "b"} {
			for _, id := range ids("", 9) {
				r := reporting.Row{Key: reporting.Key{Kind: kind + 1, Tenant: tenant, ID: id}, Label: "l" + id[2:], Urgency: uint8(kind)}
				r.Data = fmt.Appendf(nil, "%v", r.Key)
				rows = append(rows, r)
			}
		}
	}
	for i := range rows {
		x.put(rows[(i*37+11)%len(rows)])
	}
	return rows
}

var scanRules = []rule{
	{
		"Scan/OneTenant",
		"Scan answers the rows of a kind and a tenant by id, page by page, each once and whole",
		func(x *trial) {
			fleet := x.fleet()
			for _, page := range []int{1, 4, 9, 100} {
				x.scanned(fmt.Sprintf("kind 2 of tenant a in pages of %d", page), x.scanAll(2, "a", page), fleet, func(r reporting.Row) bool { return r.Kind == 2 && r.Tenant == "a" })
			}
			x.scanned("kind 4", x.scanAll(4, "a", 10), nil, nil)
			x.scanned("tenant c", x.scanAll(2, "c", 10), nil, nil)
		},
	},
	{
		"Scan/AllTenants",
		"with tenant \"\" Scan answers every tenant's rows by tenant and id: an administrator of all tenants pages through them",
		func(x *trial) {
			fleet := x.fleet()
			for _, page := range []int{5, 9, 36, 100} {
				x.scanned(fmt.Sprintf("kind 2 in pages of %d", page), x.scanAll(2, "", page), fleet, func(r reporting.Row) bool { return r.Kind == 2 })
			}
		},
	},
	{
		"Scan/After",
		"Scan goes on after the given key, whether that row still exists or not: a page must neither repeat nor skip where a device was forgotten",
		func(x *trial) {
			x.put(plain("a", ""), plain("b", ""), plain("c", ""), plain("d", ""))
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(device("b")); err != nil {
					return err
				}
				return tx.Delete(device("b"))
			})
			for after, want := range map[string][]string{"a": {"c", "d"}, "b": {"c", "d"}, "bb": {"c", "d"}, "c": {"d"}, "d": nil} {
				for _, tenant := range []string{"contoso", ""} {
					rows, err := x.store.Scan(x.ctx(), 2, tenant, device(after), 10)
					if got := idsOf(rows); err != nil || !slices.Equal(got, want) && len(want)+len(got) > 0 {
						x.wrong("after %q in tenant %q: %q, %v, want %q", after, tenant, got, err, want)
					}
				}
			}
		},
	},
	{
		"Scan/AsStored",
		"Scan answers a row as Get does, with its Version, its work and its times",
		func(x *trial) {
			now := x.now()
			row := work("a", "q", 7, now.Add(-time.Minute))
			row.Label, row.Since = "label", now.Add(-time.Hour)
			x.put(row)
			x.takes("the row", all("q"), "a")
			rows, err := x.store.Scan(x.ctx(), 2, "contoso", reporting.Key{}, 10)
			if want := x.get(row.Key)[0]; err != nil || len(rows) != 1 || !same(rows[0], want) {
				x.wrong("Scan answers %d rows, %v, %v\nwant\n\t%v", len(rows), err, rows, want)
			}
		},
	},
}

// scanned holds an answer against those of fleet that keep says.
func (x *trial) scanned(what string, got, fleet []reporting.Row, keep func(reporting.Row) bool) {
	var want []reporting.Row
	for _, r := range fleet {
		if keep(r) {
			want = append(want, r)
		}
	}
	if !slices.Equal(keysOf(got), keysOf(want)) {
		x.wrong("%s: Scan answers %d rows\n\t%v\nwant %d", what, len(got), keysOf(got), len(want))
		return
	}
	for i := range got {
		x.is(what, got[i], want[i])
	}
}
