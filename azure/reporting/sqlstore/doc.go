// Package sqlstore keeps a reporting.Store in a database that the host already
// has, through database/sql: SQLite on a file for one machine, PostgreSQL for
// several. The host opens the *sql.DB with the driver of its choice, and keeps
// it; [Open] makes the tables in it and verifies that its settings lose
// nothing.
//
// # SQLite
//
// One file, next to the service. Writers take turns, and readers wait for
// nobody. With modernc.org/sqlite, which needs no C compiler and which the
// tests of this package use:
//
//	db, err := sql.Open("sqlite", "file:devicestatus.db"+
//		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"+
//		"&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(8192)")
//
// With github.com/mattn/go-sqlite3 the same is
//
//	db, err := sql.Open("sqlite3", "file:devicestatus.db"+
//		"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_cache_size=-65536")
//
// The settings belong into the DSN and not into a statement: the pool opens
// connections when it likes, and each has its own. Open refuses by name, and so
// does each transaction of a connection with other settings where that matters:
//
//   - journal_mode other than WAL: a reader would lock out the writer. It also
//     refuses a database in memory.
//   - synchronous below FULL: what Update acknowledged would be lost with the
//     power. Beware that mattn/go-sqlite3 is built so that it is NORMAL in WAL
//     mode unless set. On macOS add PRAGMA fullfsync(1).
//   - busy_timeout 0: a call beside another process's would fail at once. It is
//     how long a call waits for another process; after it the call fails, nothing
//     is lost, and the engine tries again. The calls of one process wait for each
//     other in turn, and as long as their context lives.
//   - encoding other than UTF-8: keys would have another order.
//
// cache_size and wal_autocheckpoint are for speed: 64 MiB for the upper levels
// of the indexes, and a log of 32 MiB that takes up several changes of a page
// before the page is written back. Do not use cache=shared, and no file on a
// network share: SQLite's locks do not work there.
//
// Each call takes one connection of the pool until it returns, also Update
// while fn runs: an fn that calls the store itself, and not through its Tx,
// waits for its own end. A pool of one connection is enough, two let readers
// pass.
//
// # PostgreSQL
//
// One database for several machines, each with its engines; version 13 and
// newer. The driver is github.com/jackc/pgx/v5/stdlib, whose arrays carry
// thousands of rows in one statement:
//
//	db, err := sql.Open("pgx", "postgres://devicestatus@db.example.com/devicestatus")
//	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
//
// The server's clock decides what is due, and the clocks of the machines do
// not. Writers wait for each other only over the same rows; a claim passes by
// what another holds. A transaction that meets a deadlock, a restart of the
// server or a lost connection is run again. Where the connection is lost during
// the commit, the database is asked on another what became of it.
//
// Refused by name:
//
//   - synchronous_commit off, on any connection, and fsync off: what Update
//     acknowledged would be lost with the server. local, remote_write, on and
//     remote_apply are the host's choice.
//   - server_encoding other than UTF8: keys would have another order.
//   - server_version_num below 130000.
//
// The role needs CREATE on its schema when the tables are made or migrated, and
// SELECT, INSERT, UPDATE and DELETE on them otherwise. Processes that open a new
// database at once wait for one of them. A migration locks out no process of
// the version before.
//
// Give the pool as many connections as the process has calls at once, and keep
// them idle (SetMaxIdleConns): the driver prepares each statement once a
// connection. Where a pooler stands between that switches connections after
// each transaction, set pgx's default_query_exec_mode to exec, and do without
// Listen.
//
// A transaction that waits ten seconds for its process is ended by the server
// (idle_in_transaction_session_timeout, unless the connection has less), and one
// that waits five for a lock is run again (lock_timeout): a process that stands
// still would keep all others from the rows that it locked. Of a
// machine that is gone the server learns by tcp_keepalives_idle, which is two
// hours on most systems, and is for the host to set.
//
// [Store.Listen] makes a store whose engines are woken when another process
// makes a row due (NOTIFY on commit), and need not look by themselves.
//
// The tables are made with room in their pages (fillfactor) and are cleaned
// early (autovacuum_vacuum_scale_factor 0.02). A transaction of the host's that
// stays open for an hour keeps PostgreSQL from cleaning, and claims then pass
// over what was settled in that hour. wal_compression = on halves what a
// million scattered changes write.
//
// # Why a database, and not a queue
//
// A device is one record whose newest state counts, and a queue product holds
// messages: it would send every change and not the last one, or lose the change
// that comes while one is being sent. It cannot hand out twenty devices of one
// tenant, urgent ones first, nor share a rate among workers. A full fleet of a
// million devices is 1.7 writes a second, which any database takes, and the
// host has one. At length, with MySQL: docs/database.md in the repository.
//
// # MySQL
//
// MySQL 8 is not supported. It has what the store needs (SKIP LOCKED, row
// locks, microseconds), in other words: full indexes where these are partial,
// JSON_TABLE for arrays, no RETURNING, READ COMMITTED to be free of gap locks,
// utf8mb4_bin columns, migrations that are not transactions, and polling. A
// dialect of it is written against the same tests.
//
// # Backup and restore
//
// Copy the file with sqlite3 devicestatus.db ".backup FILE" or VACUUM INTO, and
// not with cp while the service runs: what is in the log would be missing. A
// restored backup knows less than Azure does: it holds standings as accepted
// that Azure has overwritten since. After a restore call the engine's Resync
// before Run. The same holds for PostgreSQL: pg_dump or point-in-time recovery,
// then Resync.
//
// # Failures
//
// A process that dies, at any moment, leaves what was acknowledged, and nothing
// of a transaction that was not. A full disk makes Update fail; what was there
// stays, and it goes on when there is room. After an error nothing of the
// transaction is there, with one exception that no database can rule out: an
// error of the disk itself while it is told to keep a commit.
//
// A clock that jumps costs time and no order: back, and rows become due late;
// forward, and leases end early and the weekly reports come early.
//
// # Cost
//
// Claim, Queues, NextDue and Tally go through indexes that hold only rows with
// work, and through counts that every transaction keeps: they read as much at
// 10,000 as at 1,000,000 rows, of which more is in no cache then. Tally reads
// in addition as many entries as rows are older than what it was asked for, and
// Queues and Claim pass by the rows that are under a lease.
//
// A device with its two rows, of 60 and 600 bytes, takes 1.4 KiB of a SQLite
// file, so that a million take 1.4 GiB. A claim of 20 took 0.5 ms there with
// its commit at 10,000 devices and 1.9 ms at 1,000,000; on PostgreSQL 1.1 and
// 1.4 ms. Queues, NextDue and Tally took a third of a millisecond or less on
// SQLite, at both sizes.
//
// On PostgreSQL a claim writes each of its rows within the row's page and into
// no index, where the page has room: no index has what a claim changes, and how
// many rows wait for which lease is one number for each claim.
//
// What the engine does on both in a second, by the clock and by the processor,
// with the commands: docs/performance.md in the repository.
//
// A change writes two rows, the second with its place in three indexes.
// Changes of devices anywhere in the file each write pages of their own, which
// is what a disk has to bear: some 25 KiB a device. The benchmarks
// of this package, from the root of the checkout:
//
//	go test -run xxx -bench 'Update|Drain|Ask' ./azure/reporting/sqlstore/
//	.ci/postgres run go test -run xxx -bench 'Update|Drain|Ask' ./azure/reporting/sqlstore/
package sqlstore
