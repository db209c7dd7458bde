package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// A host opens its own database and makes a store of tables in it. What the
// process before it has written is there.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	open := func() (*sql.DB, *sqlstore.Store, error) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "devicestatus.db")+
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)")
		if err != nil {
			return nil, nil, err
		}
		s, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
		return db, s, err
	}

	db, s, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(reporting.Key{Kind: 1, Tenant: "contoso", ID: "pc-1"})
		if err != nil {
			return err
		}
		rows[0].Data = []byte("standing")
		rows[0].Queue, rows[0].Due = "contoso/graph", tx.Now()
		return tx.Put(rows...)
	})
	fmt.Println(err, db.Close())

	db, s, err = open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	rows, err := s.Claim(ctx, reporting.Claim{Queue: "contoso/graph", Limit: 20, Lease: time.Minute})
	for _, r := range rows {
		fmt.Printf("%s is ours for %v: %s\n", r.ID, r.LeaseUntil.Sub(r.ClaimedAt), r.Data)
	}
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// pc-1 is ours for 1m0s: standing
	// <nil>
}

// Settings under which what was committed could be lost are refused by name.
func ExampleOpen() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	_, err = sqlstore.Open(context.Background(), db, sqlstore.SQLite, nil)
	fmt.Println(err)
	// Output:
	// sqlstore: Open: PRAGMA journal_mode is "memory" and has to be WAL: a reader would lock out the writer
}

// On PostgreSQL an engine is woken when another process makes a row due. SQLite
// cannot notify, and its engines look by themselves.
func ExampleStore_Listen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "devicestatus.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	s, err := sqlstore.Open(context.Background(), db, sqlstore.SQLite, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = s.Listen(func(ctx context.Context, c any) error {
		_, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx) // of pgx
		return err
	})
	fmt.Println(err)
	// Output:
	// sqlstore: Listen: the database cannot notify
}
