package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Options are the settings of a Store. The zero value holds the defaults.
type Options struct {
	// TablePrefix begins the names of tables and indexes; empty is
	// "devicestatus_". It matches [a-z_][a-z0-9_]{0,30}. Stores of different
	// prefixes in one database have nothing to do with each other.
	TablePrefix string

	// Clock is the store's clock. nil is time.Now on SQLite, and the server's
	// clock on PostgreSQL: it must be nil there, save in tests, for several
	// machines would each decide by their own.
	Clock func() time.Time

	// Unchecked leaves out the check of the connection's settings. It is for
	// tests on data that may be lost.
	Unchecked bool
}

// Store implements [reporting.Store] on a database. It is safe for concurrent
// use, holds no connection between calls, and need not be closed.
type Store struct {
	db        *sql.DB
	dialect   dialect
	prefix    string
	table     string
	clock     func() time.Time // nil: the database's
	unchecked bool

	// turn lets one writer of this process at the database at a time, where
	// the database does so anyway: waiting here is fair, and ends with the
	// context. nil where writers go together.
	turn chan struct{}
}

var _ reporting.Store = (*Store)(nil)

// Open makes a Store of tables in a database, which it creates, or brings to
// the version that this package knows. It refuses, by name, connections whose
// settings would lose what was committed, tables of a newer version, and an
// unfit prefix. The db stays the caller's, who may use it for other tables too.
func Open(ctx context.Context, db *sql.DB, d Dialect, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	s := &Store{db: db, prefix: o.TablePrefix, clock: o.Clock, unchecked: o.Unchecked}
	if s.prefix == "" {
		s.prefix = "devicestatus_"
	}
	if !prefix.MatchString(s.prefix) {
		return nil, fmt.Errorf("sqlstore: Options.TablePrefix is %q and has to match %v", s.prefix, prefix)
	}
	s.table = s.prefix + "rows"
	var err error
	if s.dialect, err = newDialect(d, s.prefix); err != nil {
		return nil, err
	}
	if s.dialect.clock() == "" {
		if s.clock == nil {
			s.clock = time.Now
		}
		s.turn = make(chan struct{}, 1)
	}
	if !s.unchecked {
		if err := s.checkSettings(ctx); err != nil {
			return nil, failure(ctx, "Open", err)
		}
	}
	if err := s.migrate(ctx); err != nil {
		return nil, failure(ctx, "Open", err)
	}
	return s, nil
}

func (s *Store) checkSettings(ctx context.Context) error {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.dialect.check(ctx, c)
}

// failure says which call failed. Where the context has ended that is the
// reason, whatever the driver makes of it.
func failure(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("sqlstore: %s: %w (%v)", call, ended, err)
	}
	return fmt.Errorf("sqlstore: %s: %w", call, err)
}

// attempts is how often a transaction is run that conflicts with others.
const attempts = 20

// Update implements [reporting.Store].
func (s *Store) Update(ctx context.Context, fn func(reporting.Tx) error) error {
	for attempt := 1; ; attempt++ {
		var t *tx
		var own error
		err := s.write(ctx, func(ctx context.Context, c *sql.Conn, now int64) error {
			t = &tx{store: s, ctx: ctx, conn: c, now: moment(now), states: map[reporting.Key]*state{}}
			defer func() { t.over = true }()
			if own = fn(t); own != nil {
				return own
			}
			if t.failed != nil {
				return t.failed
			}
			return t.flush()
		})
		if err == nil {
			return nil
		}
		if (s.dialect.again(err) || t != nil && s.dialect.again(t.failed)) && attempt < attempts && pause(ctx, attempt) {
			continue
		}
		if own != nil {
			return own
		}
		return failure(ctx, "Update", err)
	}
}

// pause waits a little, longer the more often, and says whether the context is
// still alive.
func pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(rand.N(time.Duration(attempt) * 2 * time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// write runs do in a transaction that may write. It is rolled back if do fails
// or panics.
func (s *Store) write(ctx context.Context, do func(ctx context.Context, c *sql.Conn, now int64) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.turn != nil {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			rollback(ctx, c)
		}
		// What Close answers was said before, or comes after the commit.
		_ = c.Close()
	}()
	if s.turn != nil && !s.unchecked {
		// The pool opens connections as it likes, each with its own settings.
		if err := checkSynchronous(ctx, c); err != nil {
			return err
		}
	}
	now, err := s.dialect.begin(ctx, c)
	if err != nil {
		return err
	}
	if s.clock != nil {
		now = micros(s.clock())
	}
	if err := do(ctx, c, now); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := c.ExecContext(s.dialect.committing(ctx), "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// rollback ends a transaction. A connection on which that fails, because it is
// lost or because the database has done it already, is not used again.
func rollback(ctx context.Context, c *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := c.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = c.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// ask runs a query outside of transactions. Where the statement says @now, the
// time is put in.
func (s *Store) ask(ctx context.Context, call, statement string, args []any, each func(*sql.Rows) error) error {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return failure(ctx, call, err)
	}
	defer c.Close()
	return failure(ctx, call, query(ctx, c, s.dialect.bind(statement), args, each))
}
