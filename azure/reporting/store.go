package reporting

import (
	"context"
	"time"
)

// Store keeps what an Engine must not lose. It knows rows, transactions, and
// which rows are due; what the rows mean is the engine's. Several engines, in
// one process or many, may share one store: everything below holds among all
// of them.
//
// The rules:
//
//  1. Update is atomic and durable: what fn put is there as a whole once Update
//     has returned nil, also after the process or the machine died; after an
//     error nothing of it is. Of two Updates that Get the same key, whether it
//     exists or not, one sees the other's result.
//  2. fn may run more than once, after a conflict or a deadlock that the store
//     resolves; only the last run counts. It must not wait for anything but its
//     Tx. Update returns fn's own error as it is, and lets its panic through;
//     after a method of Tx has failed it fails too, whatever fn returns. Nothing
//     is written then.
//  3. Times have microseconds and are in UTC. Every time that the store decides
//     by is its own clock's, Tx.Now; a database server's, where there is one.
//  4. Claim gives a row to one caller for the length of a lease. It is not a
//     transaction that stays open: a caller that dies lets the lease lapse.
//  5. A context that ends makes every method return soon; what it was about
//     happened as a whole or not at all.
//
// Package storetest holds all of it as tests.
type Store interface {
	// Update runs fn in one transaction.
	Update(ctx context.Context, fn func(tx Tx) error) error

	// Claim leases due rows of one queue: see Claim. It answers them as they
	// are from then on, in the order in which they were taken; none is no
	// error.
	Claim(ctx context.Context, c Claim) ([]Row, error)

	// Queues answers queues that have a row due and not under a live lease, by
	// the queue's name, from the first after the given one, at most limit.
	// Cost: in the number of queues, not of rows.
	Queues(ctx context.Context, after string, limit int) ([]string, error)

	// NextDue answers the earliest time after now at which a row can be
	// claimed that cannot be now (the later of its Due and its LeaseUntil), and
	// the zero time where there is none.
	NextDue(ctx context.Context) (time.Time, error)

	// Scan answers rows of one kind by key, from the first after the given
	// one, at most limit. It takes no locks. tenant "" is every tenant; after
	// is then compared by tenant and id, else by id alone. The zero Key stands
	// before every row.
	Scan(ctx context.Context, kind Kind, tenant string, after Key, limit int) ([]Row, error)

	// Tally counts the rows of one kind by tenant, label and urgency, and how
	// many of each have a Since before the given time. tenant "" is every
	// tenant.
	Tally(ctx context.Context, kind Kind, tenant string, before time.Time) ([]Tally, error)
}

// Waker is implemented by stores that can tell when another process made a row
// due. Wait returns nil when that may have happened since the last call
// returned, and ctx's error when ctx has ended. Without it an engine looks by
// itself every Options.Poll.
type Waker interface {
	Wait(ctx context.Context) error
}

// Tx is a transaction. It is valid until fn returns and not safe for
// concurrent use.
type Tx interface {
	// Now is the store's time, the same throughout the transaction.
	Now() time.Time

	// Get answers the rows of the keys, in the order of the keys, and locks
	// them until the transaction ends. A key without a row has a Row with that
	// key and Version 0. The store takes the locks in the order of the keys,
	// whatever their order here, so that calls of one kind of key cannot
	// deadlock; an fn that calls Get more than once asks for kinds in
	// ascending order.
	Get(keys ...Key) ([]Row, error)

	// Put writes rows whose keys Get has answered in this transaction. It
	// writes every field as it is given, but for Version, which grows. Of the
	// Data it keeps no reference. A row that is under a lease stays so unless
	// LeaseUntil is put otherwise.
	Put(rows ...Row) error

	// Delete removes rows whose keys Get has answered in this transaction. A
	// key without a row is no error.
	Delete(keys ...Key) error
}

// Kind says what a row is to the engine. Kinds are ordered by their number.
type Kind uint8

// Key names a row. Keys are ordered by kind, tenant and id, byte by byte.
// Tenant and ID are at most 200 bytes of UTF-8 without NUL.
type Key struct {
	Kind   Kind
	Tenant string
	ID     string
}

// Row is one row.
type Row struct {
	Key
	Version int64 // grows with every Put and Claim; 0: there is no row
	Data    []byte

	// Work. A row with a Queue is due at Due and is then claimed, unless it is
	// under a lease. A row without one is never claimed.
	Queue      string // at most 400 bytes of UTF-8 without NUL
	Urgency    uint8  // lower is claimed first
	Due        time.Time
	LeaseUntil time.Time // set by Claim; zero: none
	ClaimedAt  time.Time // the store's time of the newest Claim; zero: none, or put so
	Claims     int       // counts Claims; put to zero by whoever settles one

	// For Tally.
	Label string    // at most 100 bytes of UTF-8 without NUL
	Since time.Time // zero: none
}

// Claim says which rows to lease. A row is due where its Queue is this one,
// Due is not after now, and LeaseUntil is not after now.
type Claim struct {
	Queue string
	Limit int // at most this many rows

	// Lease is how long the rows are the caller's: LeaseUntil becomes now +
	// Lease, ClaimedAt now, and Claims grows by one.
	Lease time.Duration

	// Most is the highest urgency taken. Rows are taken by Urgency, Due and
	// key; with OldestFirst by Due and key alone.
	Most        uint8
	OldestFirst bool
}

// Tally counts rows that share a tenant, a label and an urgency.
type Tally struct {
	Tenant  string
	Label   string
	Urgency uint8
	Count   int
	Old     int       // of those, rows whose Since is not zero and before the time that was asked for
	Since   time.Time // the earliest Since that is not zero; zero where all are
	Due     time.Time // the earliest Due of those with a Queue; zero where none has one
}
