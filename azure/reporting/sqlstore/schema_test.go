package sqlstore_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

func TestSchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	db := openFile(t, file, durable)
	schema := func() (all []string) {
		rows, err := db.Query("SELECT name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY name")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			all = append(all, s)
		}
		return all
	}
	s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	first := schema()
	if len(first) < 5 {
		t.Fatalf("the schema is %q", first)
	}
	require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("a")}))

	// Again: nothing is changed, also while another connection holds the
	// write lock, and by one that may not write.
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	_, err = sqlstore.Open(t.Context(), openFile(t, file, durable+"&_pragma=query_only(1)"), sqlstore.SQLite, nil)
	require.NoError(t, err)
	_, err = c.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	if diff := cmp.Diff(first, schema()); diff != "" {
		t.Errorf("opened again (-first +again):\n%s", diff)
	}

	// Another prefix has tables, rows and versions of its own.
	other, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{TablePrefix: "other_"})
	require.NoError(t, err)
	if rows := scan(t, other); len(rows) != 0 {
		t.Errorf("another prefix has the rows %v", rows)
	}

	// Tables of a newer version are not touched.
	_, err = db.Exec("UPDATE devicestatus_schema SET version = 1000")
	require.NoError(t, err)
	_, err = sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	if want := "the tables devicestatus_* have version 1000"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a newer schema: %v, want %q", err, want)
	}
	_, err = sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{TablePrefix: "other_"})
	require.NoError(t, err)
}
