package sqlstore

import (
	"context"
	"database/sql"
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
// use, holds no connection between calls, starts no goroutine, and need not be
// closed.
type Store struct {
	db        *sql.DB
	dialect   dialect
	prefix    string
	tables    tables
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
// unfit prefix. The db stays the caller's, who may use it for other tables too,
// and closes it when the store is not used any more.
func Open(ctx context.Context, db *sql.DB, d Dialect, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	s := &Store{db: db, prefix: o.TablePrefix, clock: o.Clock, unchecked: o.Unchecked}
	if s.prefix == "" {
		s.prefix = "devicestatus_"
	}
	if !prefix.MatchString(s.prefix) {
		return nil, fmt.Errorf("sqlstore: Options.TablePrefix is %.40q and has to match %v", s.prefix, prefix)
	}
	s.tables = newTables(s.prefix)
	var err error
	if s.dialect, err = newDialect(d, s); err != nil {
		return nil, err
	}
	if s.dialect.clock() == "" {
		if s.clock == nil {
			s.clock = time.Now
		}
		s.turn = make(chan struct{}, 1)
	}
	if !s.unchecked {
		if err := s.read(ctx, func(c *session) error { return s.dialect.check(ctx, c) }); err != nil {
			return nil, s.failed(ctx, "Open", err)
		}
	}
	if err := s.migrate(ctx); err != nil {
		return nil, s.failed(ctx, "Open", err)
	}
	return s, nil
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

// failed is failure with what the dialect has to say.
func (s *Store) failed(ctx context.Context, call string, err error) error {
	return failure(ctx, call, s.dialect.explain(err))
}

// errUnknown is the failure of a commit of which nobody knows what came.
var errUnknown = errors.New("the connection was lost during the commit, and what became of it is not known")

// Update implements [reporting.Store]. A transaction in which fn has put and
// deleted nothing costs no commit.
func (s *Store) Update(ctx context.Context, fn func(reporting.Tx) error) error {
	var own error
	err := s.retry(ctx, func() error {
		own = nil // of the run before
		return s.write(ctx, func(c *session) (bool, error) {
			t := &tx{store: s, ctx: ctx, session: c, now: moment(c.now), states: map[reporting.Key]*state{}}
			defer func() { t.over = true }()
			own = fn(t)
			if t.failed != nil && s.dialect.again(t.failed) {
				return false, t.failed // whatever fn has made of it
			}
			if own != nil {
				return false, own
			}
			if t.failed != nil {
				return false, t.failed
			}
			return t.flush()
		})
	})
	if err != nil && own != nil {
		return own
	}
	return s.failed(ctx, "Update", err)
}

// attempts is how often a transaction is run that conflicts with others.
const attempts = 20

// retry runs do again while it fails by a conflict with others.
func (s *Store) retry(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt == attempts || !s.dialect.again(err) {
			return err
		}
		t := time.NewTimer(rand.N(time.Duration(attempt) * 2 * time.Millisecond))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
	}
}

// write runs do in a transaction, and commits it if do says that there is
// something to commit. It is rolled back otherwise, and if do fails or panics.
func (s *Store) write(ctx context.Context, do func(*session) (changed bool, err error)) error {
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
	return s.read(ctx, func(c *session) (err error) {
		if !s.unchecked {
			// The pool opens connections as it likes, each with its own settings.
			if err := s.dialect.recheck(ctx, c); err != nil {
				return err
			}
		}
		over := false
		defer func() {
			if !over {
				s.rollback(c)
			}
		}()
		if c.now, err = s.dialect.begin(ctx, c); err != nil {
			return err
		}
		if s.clock != nil {
			c.now = micros(s.clock())
		}
		changed, err := do(c)
		if err != nil || !changed {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err = s.dialect.commit(ctx, c)
		over = err == nil
		return err
	})
}

// read gives do a connection, outside of transactions.
func (s *Store) read(ctx context.Context, do func(*session) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	c := &session{conn: conn, ctx: ctx}
	defer c.close()
	return do(c)
}

// ask runs a query, in a transaction of its own where it needs one.
func (s *Store) ask(ctx context.Context, call, statement string, args []any, each func(*sql.Rows) error) error {
	return s.failed(ctx, call, s.read(ctx, func(c *session) error {
		began, err := s.dialect.beginRead(c)
		if began {
			defer s.rollback(c)
		}
		if err != nil {
			return err
		}
		return c.query(s.dialect.bind(statement), args, each)
	}))
}
