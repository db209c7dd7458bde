package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// place is where the tables of a store are, for this process and others.
type place struct {
	dialect sqlstore.Dialect
	source  string
	prefix  string
}

func inFile(t testing.TB) place {
	return place{sqlstore.SQLite, "file:" + filepath.Join(t.TempDir(), "store.db") + durable, "devicestatus_"}
}

// onServer is a place on the server of DEVICESTATUS_POSTGRES, which is cleared
// at the end.
func onServer(t testing.TB) place {
	t.Helper()
	dsn := os.Getenv("DEVICESTATUS_POSTGRES")
	if dsn == "" {
		t.Skip("DEVICESTATUS_POSTGRES is not set to the DSN of a PostgreSQL server; to start one, run this from the root of the checkout:" +
			" .ci/postgres run go test ./azure/reporting/sqlstore/")
	}
	p := place{sqlstore.PostgreSQL, dsn, fmt.Sprintf("t%08x_", rand.Uint32())}
	t.Cleanup(func() {
		db, err := p.db()
		require.NoError(t, err)
		defer db.Close()
		for _, table := range []string{"rows", "counts", "leases", "schema"} {
			_, err := db.Exec("DROP TABLE IF EXISTS " + p.prefix + table)
			require.NoError(t, err)
		}
	})
	return p
}

func (p place) db() (*sql.DB, error) {
	switch p.dialect {
	case sqlstore.SQLite:
		return sql.Open("sqlite", p.source)
	case sqlstore.PostgreSQL:
		db, err := sql.Open("pgx", p.source)
		if err == nil {
			db.SetMaxIdleConns(16) // else most calls would begin with a connection
		}
		return db, err
	}
	return nil, errors.New("no such dialect")
}

// open opens the store and its database, which is closed with the test.
func (p place) open(t testing.TB, o *sqlstore.Options) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db, err := p.db()
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	if o == nil {
		o = &sqlstore.Options{}
	}
	o.TablePrefix = p.prefix
	s, err := sqlstore.Open(t.Context(), db, p.dialect, o)
	require.NoError(t, err)
	return s, db
}

// args and placeOf hand a place over to another process.
func (p place) args() []string { return []string{p.dialect.String(), p.source, p.prefix} }

func placeOf(args []string) (*sqlstore.Store, *sql.DB, error) {
	p := place{sqlstore.SQLite, args[1], args[2]}
	if args[0] == sqlstore.PostgreSQL.String() {
		p.dialect = sqlstore.PostgreSQL
	}
	db, err := p.db()
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlstore.Open(context.Background(), db, p.dialect, &sqlstore.Options{TablePrefix: p.prefix})
	return s, db, err
}

// everywhere runs a test on each kind of database.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("SQLite", func(t *testing.T) { test(t, inFile(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, onServer(t)) })
}
