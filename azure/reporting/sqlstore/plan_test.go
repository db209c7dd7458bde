package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// listener opens connections that note the statements that are run.
type listener struct {
	dsn   string
	mu    sync.Mutex
	heard map[string]bool
}

func (l *listener) Driver() driver.Driver { return &modernc.Driver{} }

func (l *listener) Connect(context.Context) (driver.Conn, error) {
	c, err := l.Driver().Open(l.dsn)
	return noting{c, l}, err
}

type noting struct {
	driver.Conn
	l *listener
}

func (n noting) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := n.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err == nil {
		n.l.mu.Lock()
		defer n.l.mu.Unlock()
		n.l.heard[query] = true
	}
	return st, err
}

var placeholder = regexp.MustCompile(`\?\d*`)

// Whatever the store asks of a large table goes through an index, and is not
// sorted: it costs as much at a million rows as at a thousand.
func TestPlans(t *testing.T) {
	l := &listener{dsn: "file:" + filepath.Join(t.TempDir(), "store.db") + "?_pragma=journal_mode(WAL)", heard: map[string]bool{}}
	db := sql.OpenDB(l)
	defer db.Close()
	s, err := Open(t.Context(), db, SQLite, &Options{Unchecked: true})
	require.NoError(t, err)
	clear(l.heard)
	k := reporting.Key{Kind: 2, Tenant: "t", ID: "a"}
	for i := range 3 {
		require.NoError(t, s.Update(t.Context(), func(tx reporting.Tx) error {
			rows, err := tx.Get(k, reporting.Key{Kind: 2, Tenant: "t", ID: "b"})
			if err != nil || i == 2 {
				return tx.Delete(k)
			}
			for j := range rows {
				rows[j].Queue, rows[j].Urgency, rows[j].Label, rows[j].Since = "q", uint8(i), "l", tx.Now().Add(time.Duration(i))
			}
			return tx.Put(rows...)
		}))
		_, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1, Most: 255, OldestFirst: i == 0})
		require.NoError(t, err)
	}
	_, err = s.Queues(t.Context(), "", 10)
	require.NoError(t, err)
	_, err = s.NextDue(t.Context())
	require.NoError(t, err)
	for _, tenant := range []string{"", "t"} {
		_, err = s.Tally(t.Context(), 2, tenant, time.Now())
		require.NoError(t, err)
		for _, after := range []reporting.Key{{}, k} {
			_, err = s.Scan(t.Context(), 2, tenant, after, 10)
			require.NoError(t, err)
		}
	}
	looked := 0
	for _, statement := range slices.Sorted(maps.Keys(l.heard)) {
		if !strings.Contains(statement, "devicestatus_rows") {
			continue
		}
		looked++
		rows, err := db.Query("EXPLAIN QUERY PLAN " + placeholder.ReplaceAllString(statement, "'1'"))
		require.NoError(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
			scanned, _ := strings.CutPrefix(detail, "SCAN ")
			large := scanned != detail && !slices.Contains([]string{"CONSTANT ROW", "q", "u", "c"}, scanned)
			sorted := strings.Contains(detail, "TEMP B-TREE") && strings.Contains(statement, "ORDER BY due")
			if large || sorted {
				t.Errorf("%s\n\t%s", statement, detail)
			}
		}
		require.NoError(t, rows.Close())
		t.Logf("%s\n\t%s", statement, strings.Join(plan, "\n\t"))
	}
	if looked < 12 {
		t.Errorf("%d statements were looked at", looked)
	}
}
