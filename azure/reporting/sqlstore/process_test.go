//go:build unix

package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

func childOpen(args []string) error {
	s, _, err := placeOf(args)
	if err != nil {
		return err
	}
	return put(context.Background(), s, reporting.Row{Key: key(fmt.Sprint("process", os.Getpid()))})
}

// childLock holds the write lock until its input ends.
func childLock(args []string) error {
	_, db, err := placeOf(args)
	if err != nil {
		return err
	}
	c, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	if _, err := c.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	fmt.Println("locked")
	_, _ = os.Stdin.Read(make([]byte, 1))
	_, err = c.ExecContext(context.Background(), "ROLLBACK")
	return err
}

func TestLockedByAnotherProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, file, strings.Replace(durable, "5000", "50", 1))
	require.NoError(t, put(t.Context(), s, due("q", 1)...))
	other := startChild(t, "lock", place{sqlstore.SQLite, "file:" + file + durable, "devicestatus_"}.args()...)
	require.Equal(t, "locked", other.line(t))
	const want = "another connection has held the database's write lock for longer than PRAGMA busy_timeout"
	if err := put(t.Context(), s, reporting.Row{Key: key("new")}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Update: %v, want %q", err, want)
	}
	if _, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Claim: %v, want %q", err, want)
	}
	// Who only reads does not wait.
	if rows := scan(t, s); len(rows) != 1 || rows[0].Claims != 0 {
		t.Errorf("the rows are %v", rows)
	}
	// A context that ends while the store waits for the lock ends the wait.
	patient := openStore(t, file, strings.Replace(durable, "5000", "600000", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := put(ctx, patient, reporting.Row{Key: key("new")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update that gave up waiting: %v", err)
	}
	require.NoError(t, other.in.Close())
	_, err := other.rest()
	require.NoError(t, err)
	require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("new")}))
	require.NoError(t, put(t.Context(), patient, reporting.Row{Key: key("newer")}))
	require.Len(t, scan(t, s), 3)
}

// childClaim claims until nothing is left, and prints what it got.
func childClaim(args []string) error {
	s, _, err := placeOf(args)
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		rows, err := s.Claim(context.Background(), reporting.Claim{Queue: "q", Limit: 7, Lease: time.Hour, Most: 255})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			fmt.Println(r.ID)
		}
		if first {
			fmt.Println("ready") // so that each has its share, however slow it is
			_, _ = os.Stdin.Read(make([]byte, 1))
		}
	}
}

// No row is claimed twice by processes that claim at once.
func TestProcessesClaim(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		p.source = strings.Replace(p.source, "busy_timeout(5000)", "busy_timeout(60000)", 1) // on a busy machine they wait long for their turn
		s, _ := p.open(t, nil)
		require.NoError(t, put(t.Context(), s, due("q", 1000)...))
		var claimants []*child
		for range 3 {
			claimants = append(claimants, startChild(t, "claim", p.args()...))
		}
		seen := map[string]int{}
		for _, c := range claimants {
			for id := c.line(t); id != "ready"; id = c.line(t) {
				seen[id]++
			}
		}
		for _, c := range claimants {
			require.NoError(t, c.in.Close())
		}
		for _, c := range claimants {
			ids, err := c.rest()
			require.NoError(t, err)
			for _, id := range ids {
				seen[id]++
			}
		}
		// Rows that another one held at the moment were passed by.
		rows, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1000, Lease: time.Hour, Most: 255})
		require.NoError(t, err)
		for _, r := range rows {
			seen[r.ID]++
		}
		for _, r := range scan(t, s) {
			if seen[r.ID] != 1 || r.Claims != 1 {
				t.Errorf("%s was claimed %d times, and counts %d", r.ID, seen[r.ID], r.Claims)
			}
		}
	})
}

// A transaction of the writer is its number in a row, and that many times five
// rows.
const partsOfWrite = 5

// childWrite writes numbered transactions until it is killed, and prints each
// number once Update has acknowledged it.
func childWrite(args []string) error {
	s, _, err := placeOf(args)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for {
		n := 0
		err := s.Update(ctx, func(tx reporting.Tx) error {
			last, err := tx.Get(reporting.Key{Kind: 1})
			if err != nil {
				return err
			}
			if last[0].Version > 0 {
				if n, err = strconv.Atoi(string(last[0].Data)); err != nil {
					return err
				}
			}
			n++
			last[0].Data = []byte(strconv.Itoa(n))
			var keys []reporting.Key
			for part := range partsOfWrite {
				keys = append(keys, key(fmt.Sprintf("%08d/%d", n, part)))
			}
			rows, err := tx.Get(keys...)
			if err != nil {
				return err
			}
			for i := range rows {
				rows[i].Data = make([]byte, 3000)
				rows[i].Queue, rows[i].Due, rows[i].Label, rows[i].Since = "q", tx.Now(), "written", tx.Now()
			}
			return tx.Put(append(rows, last[0])...)
		})
		if err != nil {
			return err
		}
		if n%3 == 0 {
			if _, err := s.Claim(ctx, reporting.Claim{Queue: "q", Limit: 2, Lease: time.Hour, Most: 255}); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
}

// What Update has acknowledged is there after a kill, and nothing by halves.
// DEVICESTATUS_KILLS says how many kills; 20 where it is not set.
func TestKilled(t *testing.T) {
	kills := 20
	if more, err := strconv.Atoi(os.Getenv("DEVICESTATUS_KILLS")); err == nil {
		kills = more
	}
	everywhere(t, func(t *testing.T, p place) {
		s, db := p.open(t, nil)
		acknowledged := 0
		for kill := range kills {
			writer := startChild(t, "write", p.args()...)
			for range 1 + kill%7 {
				acknowledged, _ = strconv.Atoi(writer.line(t))
			}
			require.NoError(t, writer.cmd.Process.Kill()) // in the midst of the next ones
			lines, _ := writer.rest()
			for _, line := range lines {
				acknowledged, _ = strconv.Atoi(line)
			}
			if p.dialect == sqlstore.SQLite {
				var sound string
				require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&sound))
				require.Equal(t, "ok", sound)
			}
			// The number and its parts as of one moment: the server may still
			// be at the last transaction of a client that is gone.
			var written int
			var parts []reporting.Row
			require.NoError(t, s.Update(t.Context(), func(tx reporting.Tx) error {
				last, err := tx.Get(reporting.Key{Kind: 1})
				if err != nil {
					return err
				}
				if written, err = strconv.Atoi(string(last[0].Data)); err != nil {
					return err
				}
				var keys []reporting.Key
				for n := range written + 1 {
					for part := range partsOfWrite {
						keys = append(keys, key(fmt.Sprintf("%08d/%d", n+1, part)))
					}
				}
				parts, err = tx.Get(keys...)
				return err
			}))
			for i, r := range parts {
				if there := i < written*partsOfWrite; there != (r.Version > 0) || there && len(r.Data) != 3000 {
					t.Errorf("after kill %d and %d transactions %s has version %d and %d bytes", kill+1, written, r.ID, r.Version, len(r.Data))
				}
			}
			tallies, err := s.Tally(t.Context(), 2, "contoso", time.Time{})
			require.NoError(t, err)
			if written < acknowledged || written > acknowledged+1 || len(tallies) != 1 || tallies[0].Count != written*partsOfWrite {
				t.Fatalf("after kill %d: %d transactions acknowledged, %d written, tally %v", kill+1, acknowledged, written, tallies)
			}
		}
		t.Logf("%d kills, %d transactions acknowledged and there", kills, acknowledged)
	})
}

// childFill writes until the files may not grow any more, and prints what it
// has written then.
func childFill(args []string) error {
	s, db, err := placeOf(args)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	n, err := exhaust(s)
	fmt.Println(n)
	fmt.Println(err)
	// A smaller one still has room when the log has been written back.
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	return nil
}

// exhaust writes transactions of ten rows until one fails, and answers how many
// did not.
func exhaust(s *sqlstore.Store) (int, error) {
	for n := 0; ; n++ {
		rows := make([]reporting.Row, 10)
		for i := range rows {
			rows[i] = reporting.Row{Key: key(fmt.Sprintf("%05d/%d", n, i)), Data: make([]byte, 2000)}
		}
		if err := put(context.Background(), s, rows...); err != nil {
			return n, err
		}
		if n == 1000 {
			return n, errors.New("20 MB were written, and nothing failed")
		}
	}
}

// With a full disk Update fails, what was there is there, and it goes on when
// there is room again.
func TestFullDisk(t *testing.T) {
	check := func(t *testing.T, file string, n int, said string) {
		t.Helper()
		if !strings.Contains(said, "full") && !strings.Contains(said, "I/O") {
			t.Errorf("the disk is full, and Update says %s", said)
		}
		s := openStore(t, file, durable)
		if rows := scan(t, s); len(rows) != 10*n || n == 0 {
			t.Errorf("%d transactions of 10 rows were acknowledged, and %d rows are there", n, len(rows))
		}
		require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("after")}))
	}
	t.Run("pages", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "store.db")
		s := openStore(t, file, durable+"&_pragma=max_page_count(200)")
		n, err := exhaust(s)
		require.Error(t, err)
		if err := put(t.Context(), s, reporting.Row{Key: key("z"), Data: make([]byte, 1<<20)}); err == nil {
			t.Error("a second transaction without room: no error")
		}
		// On the same connection: it is not left in a transaction.
		_, err2 := s.Scan(t.Context(), 2, "", reporting.Key{}, 1)
		require.NoError(t, err2)
		check(t, file, n, err.Error())
	})
	t.Run("file size", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "store.db")
		out, err := startChild(t, "fill", place{sqlstore.SQLite, "file:" + file + durable, "devicestatus_"}.args()...).rest()
		require.NoError(t, err)
		require.Len(t, out, 2)
		n, err := strconv.Atoi(out[0])
		require.NoError(t, err)
		check(t, file, n, out[1])
	})
}

// Handles and processes that open a new database at once all find it whole.
func TestOpenAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p.dialect == sqlstore.SQLite {
			// The mode is a property of the file; turning it needs the file alone.
			db, err := p.db()
			require.NoError(t, err)
			require.NoError(t, db.Ping())
			require.NoError(t, db.Close())
		}
		others := []*child{startChild(t, "open", p.args()...), startChild(t, "open", p.args()...)}
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				db, err := p.db()
				if err == nil {
					defer db.Close()
					var s *sqlstore.Store
					if s, err = sqlstore.Open(t.Context(), db, p.dialect, &sqlstore.Options{TablePrefix: p.prefix}); err == nil {
						err = put(t.Context(), s, reporting.Row{Key: key(fmt.Sprint("handle", i))})
					}
				}
				if err != nil {
					t.Errorf("handle %d: %v", i, err)
				}
			})
		}
		all.Wait()
		for _, c := range others {
			if out, err := c.rest(); err != nil {
				t.Errorf("another process: %v, %q", err, out)
			}
		}
		s, _ := p.open(t, nil)
		if rows := scan(t, s); len(rows) != 8 {
			t.Errorf("%d rows are there, want 8", len(rows))
		}
	})
}
