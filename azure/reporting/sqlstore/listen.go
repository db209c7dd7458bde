package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Listener is a Store on PostgreSQL that also implements [reporting.Waker]: an
// engine on it is woken when another process makes a row due, and need not look
// by itself. While a call of Wait is under way it holds one connection, for
// which the pool needs room.
type Listener struct {
	*Store
	wait func(ctx context.Context, driverConn any) error

	turn chan *listening // holds the one value of who listens
	rung chan chan struct{}
}

var (
	_ reporting.Store = (*Listener)(nil)
	_ reporting.Waker = (*Listener)(nil)
)

// listening is a connection that listens; conn is nil where there is none.
type listening struct {
	conn  *sql.Conn
	fails int
}

// Listen makes a Listener. wait waits for one notification on a connection of
// the driver, as database/sql knows it, and returns nil then; with pgx:
//
//	l, err := store.Listen(func(ctx context.Context, c any) error {
//		_, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx)
//		return err
//	})
//
// Stores of other processes tell of rows that become due whether or not anybody
// listens. It is an error on a database that cannot notify.
func (s *Store) Listen(wait func(ctx context.Context, driverConn any) error) (*Listener, error) {
	if _, ok := s.dialect.(postgres); !ok {
		return nil, errors.New("sqlstore: Listen: the database cannot notify")
	}
	l := &Listener{Store: s, wait: wait, turn: make(chan *listening, 1), rung: make(chan chan struct{}, 1)}
	l.turn <- &listening{}
	l.rung <- make(chan struct{})
	return l, nil
}

// Wait implements [reporting.Waker]. Of several calls at once one listens and
// wakes the others. Where the connection is lost it returns nil, since anything
// may have happened, and no more often than every second until there is
// another.
func (l *Listener) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rung := <-l.rung
	l.rung <- rung
	select {
	case <-rung:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case mine := <-l.turn:
		err := l.listen(ctx, mine)
		if err == nil {
			rung = <-l.rung
			close(rung)
			l.rung <- make(chan struct{})
		}
		l.turn <- mine
		return err
	}
}

func (l *Listener) listen(ctx context.Context, mine *listening) error {
	if mine.conn == nil {
		err := l.connect(ctx, mine)
		if err == nil {
			return nil // something may have happened before
		}
		mine.fails++
		t := time.NewTimer(min(time.Duration(mine.fails)*time.Second, 15*time.Second))
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var heard error
	err := mine.conn.Raw(func(c any) error {
		if heard = l.wait(ctx, c); heard != nil {
			return driver.ErrBadConn // a connection that listens is nothing for the pool
		}
		return nil
	})
	if err == nil {
		return nil
	}
	_ = mine.conn.Close()
	mine.conn = nil
	return ctx.Err()
}

func (l *Listener) connect(ctx context.Context, mine *listening) error {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "LISTEN "+l.tables.channel()); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
		return err
	}
	mine.conn, mine.fails = conn, 0
	return nil
}
