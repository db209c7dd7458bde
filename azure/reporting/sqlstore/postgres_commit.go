package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// errAborted: the connection was lost during the commit, and the database says
// that the transaction was rolled back.
var errAborted = errors.New("the connection was lost during the commit, and the transaction was rolled back")

// commit lets a commit that has begun come to its end for a while after its
// context has ended: whoever waits for it learns what became of it. Where the
// connection is lost the database is asked on another.
func (d postgres) commit(ctx context.Context, c *session) error {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(farewell)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-patient.Done():
		}
	})
	defer stop()
	_, err := c.conn.ExecContext(patient, "COMMIT")
	if err == nil {
		return nil
	}
	if !d.again(err) && patient.Err() == nil {
		return err // the database has refused it
	}
	c.discard()
	return d.outcome(ctx, c.xid)
}

// outcome asks what became of a transaction.
func (d postgres) outcome(ctx context.Context, xid string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*farewell)
	defer cancel()
	for {
		var status sql.NullString
		err := d.db.QueryRowContext(ctx, "SELECT pg_xact_status($1::xid8)", xid).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String == "aborted":
			return errAborted
		case err == nil && status.String != "in progress":
			return errUnknown
		}
		// In progress: the server has not noticed yet that its client is gone.
		t := time.NewTimer(20 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return errUnknown
		}
	}
}
