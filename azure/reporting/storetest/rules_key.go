package storetest

import (
	"slices"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// awkward are ids in the order of their bytes, each a key of its own in no
// language's order.
var awkward = []string{
	"", "\t", "\n", " ", "  ", "%", "'", "''", "-", "10", "9", "A", "A ", "Ab", "B", "\\", "\\x41", "_", "a", "a ", "aB", "ab", "b", "e\u0301", "z", "ß", "é", "日", "\ufffd", "🦊",
}

var keyRules = []rule{
	{
		"Key/Distinct",
		"keys that differ in any byte are different rows, in kind, tenant or id: databases that fold case, accents or trailing spaces mix devices up",
		func(x *trial) {
			var rows []reporting.Row
			for i, text := range awkward {
				rows = append(rows,
					reporting.Row{Key: reporting.Key{Kind: 1, Tenant: "t", ID: text}, Data: []byte{1, byte(i)}},
					reporting.Row{Key: reporting.Key{Kind: 1, Tenant: text, ID: "i"}, Data: []byte{2, byte(i)}},
					reporting.Row{Key: reporting.Key{Kind: 255, Tenant: text, ID: text}, Data: []byte{3, byte(i)}})
			}
			rows = append(rows, reporting.Row{Key: reporting.Key{Kind: 1, Tenant: "ti", ID: ""}, Data: []byte{4}},
				reporting.Row{Key: reporting.Key{Kind: 1, Tenant: "t", ID: "i"}, Data: []byte{5}}, reporting.Row{Key: reporting.Key{Kind: 2, Tenant: "t", ID: "i"}, Data: []byte{6}})
			x.put(rows...)
			x.stands("keys alike", rows...)
		},
	},
	{
		"Key/ByteOrder",
		"keys are ordered byte by byte, by tenant and then by id: engines on different databases page and lock alike",
		func(x *trial) {
			rows := make([]reporting.Row, 0, 2*len(awkward))
			for _, text := range awkward {
				rows = append(rows, reporting.Row{Key: reporting.Key{Kind: 1, Tenant: "t", ID: text}},
					reporting.Row{Key: reporting.Key{Kind: 2, Tenant: text, ID: text}})
			}
			slices.Reverse(rows)
			x.put(rows...)
			for _, tc := range []struct {
				kind   reporting.Kind
				tenant string
			}{{1, "t"}, {2, ""}} {
				var got []string
				for _, r := range x.scanAll(tc.kind, tc.tenant, 7) {
					got = append(got, r.ID)
				}
				if !slices.Equal(got, awkward) {
					x.wrong("Scan of kind %d answers\n\t%q\nwant\n\t%q", tc.kind, got, awkward)
				}
			}
		},
	},
	{
		"Key/Limits",
		"a tenant or an id of 200 bytes is taken; one that is longer, holds NUL or is not UTF-8 is refused by the field's name, before a database cuts it off",
		func(x *trial) {
			long := strings.Repeat("é", 100)
			good := reporting.Row{Key: reporting.Key{Kind: 1, Tenant: long, ID: long}, Queue: long, Label: long[:100], Data: []byte("1")}
			x.put(good)
			x.stands("at the limits", good)
			for _, bad := range []string{long + "a", "a\x00", "\xff"} {
				x.refuses("Tenant", reporting.Row{Key: reporting.Key{Kind: 1, Tenant: bad, ID: "i"}})
				x.refuses("ID", reporting.Row{Key: reporting.Key{Kind: 1, Tenant: "t", ID: bad}})
			}
		},
	},
	{
		"Row/Limits",
		"a queue of more than 400 bytes or a label of more than 100, and what holds NUL or is not UTF-8, is refused by the field's name",
		func(x *trial) {
			for _, bad := range []string{"a\x00", "\xff"} {
				x.refuses("Queue", reporting.Row{Key: device("a"), Queue: bad})
				x.refuses("Label", reporting.Row{Key: device("a"), Label: bad})
			}
			x.refuses("Queue", reporting.Row{Key: device("a"), Queue: strings.Repeat("q", 401)})
			x.refuses("Label", reporting.Row{Key: device("a"), Label: strings.Repeat("l", 101)})
		},
	},
}

// refuses holds a Put, with its Get, against being refused by the name of a
// field.
func (x *trial) refuses(field string, r reporting.Row) {
	err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return put(tx, r) })
	shown := "a " + field + " of " + cut(r)
	if err == nil {
		x.wrong("%s: no error", shown)
	} else if !strings.Contains(err.Error(), field) {
		x.wrong("%s: the error does not name the field: %v", shown, err)
	}
	rows, err := x.store.Scan(x.ctx(), r.Kind, "", reporting.Key{}, 10)
	if err != nil {
		x.stop("Scan: %v", err)
	}
	for _, there := range rows {
		if there.Label != strings.Repeat("é", 50) {
			x.wrong("%s: it is there: %s", shown, show(there))
		}
	}
}

func cut(r reporting.Row) string {
	text := show(r)
	if len(text) > 120 {
		return text[:120] + "…"
	}
	return text
}
