package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"time"
)

// session is a connection while the store uses it.
type session struct {
	conn *sql.Conn
	ctx  context.Context // of the statements
	now  int64           // the store's time, in a transaction
	kept map[string]*sql.Stmt

	// Of PostgreSQL.
	saved bool   // there is a savepoint and nothing after it
	shard int16  // of the counts
	xid   string // the transaction's number, once it has written
}

// keep prepares a statement that is run several times. It is closed with the
// session.
func (c *session) keep(statement string) (*sql.Stmt, error) {
	if st := c.kept[statement]; st != nil {
		return st, nil
	}
	st, err := c.conn.PrepareContext(c.ctx, statement)
	if err != nil {
		return nil, err
	}
	if c.kept == nil {
		c.kept = map[string]*sql.Stmt{}
	}
	c.kept[statement] = st
	return st, nil
}

// run runs a kept statement.
func (c *session) run(statement string, args ...any) error {
	st, err := c.keep(statement)
	if err == nil {
		_, err = st.ExecContext(c.ctx, args...)
	}
	return err
}

func (c *session) exec(statement string, args ...any) error {
	_, err := c.conn.ExecContext(c.ctx, statement, args...)
	return err
}

// value reads the one value of a query's one row; [sql.ErrNoRows] where it has
// none.
func (c *session) value(into any, statement string, args ...any) error {
	return c.conn.QueryRowContext(c.ctx, statement, args...).Scan(into)
}

// query runs a query and gives its rows to each, one after the other.
func (c *session) query(statement string, args []any, each func(*sql.Rows) error) error {
	rows, err := c.conn.QueryContext(c.ctx, statement, args...)
	return read(rows, err, each)
}

// again is query with a kept statement.
func (c *session) again(statement string, args []any, each func(*sql.Rows) error) error {
	st, err := c.keep(statement)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(c.ctx, args...)
	return read(rows, err, each)
}

func read(rows *sql.Rows, err error, each func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// discard takes the connection out of the pool.
func (c *session) discard() {
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// close hands the connection back. What that answers was said before, or comes
// after the commit.
func (c *session) close() {
	for _, st := range c.kept {
		_ = st.Close()
	}
	_ = c.conn.Close()
}

// farewell is how long a transaction that is given up may take to be rolled
// back, and one whose context has ended to be committed.
const farewell = 5 * time.Second

// rollback ends a transaction that may not even have begun. A connection on
// which that fails is lost, and not used again.
func (s *Store) rollback(c *session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), farewell)
	defer cancel()
	if _, err := c.conn.ExecContext(ctx, "ROLLBACK"); err != nil && !s.dialect.harmless(err) {
		c.discard()
	}
}

// list answers item n times, with commas.
func list(item string, n int) string {
	return strings.TrimSuffix(strings.Repeat(item+",", n), ",")
}
