package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// with answers the place under settings of the connection.
func (p place) with(t testing.TB, settings ...string) place {
	t.Helper()
	u, err := url.Parse(p.source)
	require.NoError(t, err)
	q := u.Query()
	for i := 0; i < len(settings); i += 2 {
		q.Set(settings[i], settings[i+1])
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // to the driver a + is one
	p.source = u.String()
	return p
}

// as answers the place as another role sees it, which is dropped at the end.
// The role may connect, and nothing else.
func (p place) as(t testing.TB, db *sql.DB) (place, string) {
	t.Helper()
	role := p.prefix + "role"
	run := func(statement string) {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	run("CREATE ROLE " + role + " LOGIN PASSWORD 'secret'")
	t.Cleanup(func() {
		run("DROP OWNED BY " + role)
		run("DROP ROLE " + role)
	})
	u, err := url.Parse(p.source)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "secret")
	p.source = u.String()
	return p, role
}

// grant gives a role rights on all tables of the place.
func (p place) grant(t testing.TB, db *sql.DB, rights, role string) {
	t.Helper()
	_, err := db.Exec("DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE starts_with(tablename, '" + p.prefix + "')" +
		" LOOP EXECUTE 'GRANT " + rights + " ON ' || name || ' TO " + role + "'; END LOOP; END $$")
	require.NoError(t, err)
}

// idle looks whether all connections of a pool are handed back, and usable: not
// left in a transaction.
func idle(t *testing.T, db *sql.DB) {
	t.Helper()
	if n := db.Stats().InUse; n > 0 {
		t.Errorf("%d connections are in use", n)
	}
	var open int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name = current_setting('application_name') AND application_name <> ''").Scan(&open))
	if open > 0 {
		t.Errorf("%d connections are left in a transaction", open)
	}
}

// names looks whether an error says what is wrong.
func names(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	for _, want := range want {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
}

// Settings of the host's connections that change nothing: everything works as
// without them.
func TestPostgreSQLSettingsOfHosts(t *testing.T) {
	server := onServer(t)
	for _, tc := range []struct {
		name     string
		settings []string
	}{
		{"serializable", []string{"default_transaction_isolation", "serializable"}},
		{"repeatable read", []string{"default_transaction_isolation", "repeatable read"}},
		{"deferrable", []string{"default_transaction_isolation", "serializable", "default_transaction_deferrable", "on"}},
		{"read only by default", []string{"default_transaction_read_only", "on"}},
		{"another time zone", []string{"timezone", "Pacific/Kiritimati", "datestyle", "German"}},
		{"a pooler's mode", []string{"default_query_exec_mode", "exec"}},
		{"simple protocol", []string{"default_query_exec_mode", "simple_protocol"}},
		{"remote_write", []string{"synchronous_commit", "remote_write"}},
		{"no backslashes", []string{"standard_conforming_strings", "off", "backslash_quote", "off"}},
		{"small memory", []string{"work_mem", "64kB", "temp_buffers", "100"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := onServer(t).with(t, append(tc.settings, "application_name", server.prefix)...)
			s, db := p.open(t, nil)
			whole(t, s)
			idle(t, db)
		})
	}
}

// whole uses each call of a store once, and looks at what comes of it.
func whole(t *testing.T, s reporting.Store) {
	t.Helper()
	var began time.Time
	rows := due("q", 30)
	rows[0].ID, rows[1].ID, rows[2].ID = `\'"%_;--`, "ключ \u00e9 \U0001F600", strings.Repeat("x", 200)
	for i := range rows {
		rows[i].Data = []byte{0, 255, '\\', '\'', byte(i)}
		rows[i].Label, rows[i].Since = "waits", time.Unix(int64(i), 0)
	}
	require.NoError(t, s.Update(t.Context(), func(tx reporting.Tx) error {
		began = tx.Now()
		keys := make([]reporting.Key, len(rows))
		for i := range rows {
			keys[i] = rows[i].Key
		}
		if _, err := tx.Get(keys...); err != nil {
			return err
		}
		return tx.Put(rows...)
	}))
	if off := time.Since(began).Abs(); off > time.Minute {
		t.Errorf("the store's time is %v off", off)
	}
	queues, err := s.Queues(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"q"}, queues)
	claimed, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 30, Lease: time.Hour, Most: 255})
	require.NoError(t, err)
	require.Len(t, claimed, 30)
	next, err := s.NextDue(t.Context())
	require.NoError(t, err)
	if off := next.Sub(began.Add(time.Hour)).Abs(); off > time.Minute {
		t.Errorf("the leases end at %v, want an hour after %v", next, began)
	}
	ids := map[string]string{}
	for _, r := range scan(t, s) {
		ids[r.ID] = string(r.Data)
	}
	for i, r := range rows {
		if ids[r.ID] != string(r.Data) {
			t.Errorf("row %d has %q, want %q", i, ids[r.ID], r.Data)
		}
	}
	require.NoError(t, s.Update(t.Context(), func(tx reporting.Tx) error {
		rows, err := tx.Get(key(rows[0].ID), key("none"))
		if err != nil {
			return err
		}
		return tx.Delete(rows[0].Key)
	}))
	require.Len(t, scan(t, s), 29)
}

// A role that may use the tables, and create none, opens a store that is there;
// one that may not is told so, and a schema of its own is used.
func TestPostgreSQLRights(t *testing.T) {
	p := onServer(t)
	_, db := p.open(t, nil)
	other, role := p.as(t, db)
	try := func() error {
		db, err := other.db()
		require.NoError(t, err)
		defer db.Close()
		s, err := sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
		if err != nil {
			return err
		}
		return put(t.Context(), s, reporting.Row{Key: key("a")})
	}
	names(t, "a role without rights", try(), "permission denied for table "+p.prefix+"schema", "42501")
	p.grant(t, db, "SELECT", role)
	names(t, "a role that may read", try(), "permission denied for table "+p.prefix, "42501")
	p.grant(t, db, "INSERT, UPDATE, DELETE", role)
	require.NoError(t, try(), "a role that may write, and create nothing")

	fresh := other
	fresh.prefix = p.prefix + "new_"
	fdb, err := fresh.db()
	require.NoError(t, err)
	defer fdb.Close()
	_, err = sqlstore.Open(t.Context(), fdb, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: fresh.prefix})
	names(t, "a role that may create nothing", err, "permission denied for schema public", "42501")

	// A schema of the role's own, which search_path names.
	_, err = db.Exec("CREATE SCHEMA " + role + " AUTHORIZATION " + role)
	require.NoError(t, err)
	own := other.with(t, "search_path", role)
	s, odb := own.open(t, nil)
	whole(t, s)
	var where string
	require.NoError(t, odb.QueryRow("SELECT string_agg(DISTINCT schemaname, ' ') FROM pg_tables WHERE tablename = $1 AND schemaname <> 'public'", p.prefix+"rows").Scan(&where))
	require.Equal(t, role, where)
	idle(t, odb)
	require.NoError(t, odb.Close())

	nowhere := other.with(t, "search_path", "nothing_of_that_name")
	ndb, err := nowhere.db()
	require.NoError(t, err)
	defer ndb.Close()
	_, err = sqlstore.Open(t.Context(), ndb, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
	names(t, "a search_path that leads nowhere", err, "no schema has been selected to create in")
}

// Every connection of the server is in use: calls fail with the reason, and go
// on when there are some again.
func TestPostgreSQLFull(t *testing.T) {
	p := onServer(t)
	_, db := p.open(t, nil)
	other, role := p.as(t, db)
	p.grant(t, db, "ALL", role)
	_, err := db.Exec("ALTER ROLE " + role + " CONNECTION LIMIT 1")
	require.NoError(t, err)
	s, odb := other.open(t, nil)
	odb.SetMaxIdleConns(1)
	busy, err := odb.Conn(t.Context())
	require.NoError(t, err)
	began := time.Now()
	names(t, "Update", put(t.Context(), s, reporting.Row{Key: key("a")}), "too many connections for role", "53300")
	_, err = s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1})
	names(t, "Claim", err, "too many connections for role")
	t.Logf("two calls took %v", time.Since(began))
	l := listen(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Wait(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait without a connection: %v", err)
	}
	require.NoError(t, busy.Close())
	require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("a")}))
	idle(t, odb)
}

// A statement that the server ends, for a time limit of the host's, is an error
// that says so. Nothing of the transaction is there, and the connection is good.
func TestPostgreSQLTimeouts(t *testing.T) {
	p := onServer(t)
	first, _ := p.open(t, nil)
	for _, tc := range []struct {
		name, setting string
		want          string
	}{
		{"statement_timeout", "statement_timeout", "canceling statement due to statement timeout"},
		{"lock_timeout", "lock_timeout", "canceling statement due to lock timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hasty := p.with(t, tc.setting, "50", "application_name", p.prefix+tc.setting)
			s, db := hasty.open(t, nil)
			require.NoError(t, put(t.Context(), s, reporting.Row{Key: key(tc.name)}))
			require.NoError(t, first.Update(t.Context(), func(tx reporting.Tx) error {
				rows, err := tx.Get(key(tc.name))
				if err != nil {
					return err
				}
				names(t, "Update of what another holds", put(t.Context(), s, reporting.Row{Key: key("b" + tc.name)}, reporting.Row{Key: key(tc.name), Data: []byte("late")}), tc.want)
				rows[0].Data = []byte("first")
				return tx.Put(rows...)
			}))
			got := map[string]string{}
			for _, r := range scan(t, s) {
				got[r.ID] = string(r.Data)
			}
			if _, there := got["b"+tc.name]; there || got[tc.name] != "first" {
				t.Errorf("after a transaction that was given up the rows are %q", got)
			}
			require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("b" + tc.name)}))
			idle(t, db)
		})
	}
}

// A transaction whose process stands still is ended by the server, within ten
// seconds or as the host has it: others go on, and nothing of it is there.
func TestPostgreSQLIdleInTransaction(t *testing.T) {
	for _, asked := range []string{"50", "", "0", "1h"} { // of the server, by the host
		t.Run(asked, func(t *testing.T) {
			t.Parallel()
			idleInTransaction(t, asked)
		})
	}
}

func idleInTransaction(t *testing.T, asked string) {
	p := onServer(t)
	if asked != "" {
		p = p.with(t, "idle_in_transaction_session_timeout", asked, "application_name", p.prefix)
	}
	s, db := p.open(t, nil)
	other, _ := p.open(t, nil)
	still := true
	update := func() error {
		return s.Update(t.Context(), func(tx reporting.Tx) error {
			rows, err := tx.Get(key("a"))
			if err != nil {
				return err
			}
			if still {
				still = false
				require.NoError(t, put(t.Context(), other, reporting.Row{Key: key("a"), Data: []byte("other")})) // waits for the end
			}
			rows[0].Data = append(rows[0].Data, " and this"...)
			return tx.Put(rows...)
		})
	}
	require.NoError(t, update(), "it is run again")
	rows := scan(t, s)
	require.Len(t, rows, 1)
	require.Equal(t, "other and this", string(rows[0].Data))
	idle(t, db)
}

// Several stores at once, a pool of one connection.
func TestPostgreSQLOneConnection(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	db.SetMaxOpenConns(1)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := put(t.Context(), s, reporting.Row{Key: key(fmt.Sprint(i)), Queue: "q"}); err != nil {
				t.Errorf("Update: %v", err)
			}
		})
	}
	all.Wait()
	whole := scan(t, s)
	require.Len(t, whole, 8)
	idle(t, db)
}
