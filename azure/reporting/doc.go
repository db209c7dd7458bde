// Package reporting keeps what a host sees of its devices and has the newest
// standing of each reported to Azure: when its compliance changes, when its
// inventory changes, and once a week. It is for hosts with more than a handful
// of devices; a host that wants to send a report by itself calls an
// azure.Reporter.
//
//	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil) // or memstore.New(nil), for tests
//	engine, err := reporting.New(store, router, nil)           // router: an azure.Reporter
//	err = engine.RegisterTenant(ctx, account, tenantID)        // once
//	go engine.Run(ctx)                                         // in one process or in many
//	seen, err := engine.Observe(ctx, observations...)          // whenever something is seen
//	device, err := engine.Device(ctx, tenantID, deviceID)      // device.Explain() says how it stands
//
// # The life of a record
//
//	Observe ──► record of the host's device, in the target of its Azure id
//	               │ newest wins: enrolment, then the host's version, then SeenAt
//	               ▼
//	            decide ──► nothing to send: not evaluated, no Azure id yet, waits
//	               │       for the user, held by the guard, same as accepted
//	               ▼
//	 ┌────────► queued: removed and non-compliant, then compliant, then inventory,
//	 │             │    then refresh; a change while it waits takes its place
//	 │             ▼
//	 │          claimed under a lease, paced, sent
//	 │             ├──► accepted at once (Graph) ──────────────┐
//	 │             ├──► accepted, in progress (partner) ──► asked again and again
//	 │             │                                           ├──► Successful ─┐
//	 │             │                       Failed, or too long ┘                │
//	 │◄── again ───┼──► no answer, throttled, not there yet: waits, then again  │
//	 │             └──► refused: Failed, until something changes                │
//	 └◄── changed, synced, a week has passed, the lease ended ◄── confirmed ◄───┘
//
// A target is one Azure id of one tenant: order, exclusion and the time that
// orders reports at Microsoft belong to it, and outlive the host's records. A
// device that gets another Azure id leaves its target, which is then closed:
// reported as not managed and not compliant.
//
// # Guarantees, and where they end
//
//   - Nothing is lost. Once Observe has returned nil, the newest standing
//     reaches Azure, or the device shows why not, whatever process dies where.
//     What the store loses is lost: after a restored backup call
//     [Engine.Resync].
//   - Order. For one Azure id there are never two calls under a live lease, and
//     a call ends well before its lease. Azure itself cannot be fenced: a
//     request that was given up may arrive late. So where that is possible the
//     newest standing is sent once more after Options.Linger. A request that
//     takes longer than that to arrive, and that Microsoft Graph then applies,
//     stays until the next report. Where a process dies after Microsoft took a
//     device's first claim of compliance and before it wrote that down, and the
//     user then signs out, the device shows that it waits for a sign-in while
//     Azure holds it as compliant. The partner services order by
//     LastUpdateTime, which grows with every report of an id.
//   - Freshness. What can be reported is reported again within
//     Options.RefreshEvery, up to Options.RefreshSpread earlier, while Microsoft
//     accepts it and the fleet fits the quota: 20 writes a second are 12 million
//     a week for one tenant, 70 million for all tenants together.
//   - Coalescing. A device that changes ten times while it waits costs one call.
//     What changes nothing costs no call, and at most one write an hour. A
//     device that is not compliant, or whose user has to sign in, has every
//     observation written: otherwise a late one that says compliant could pass
//     for newer. The other way round that can happen: a late observation that
//     says non-compliant, or another user or Azure id, counts as newer than what
//     was seen within the same hour and not written.
//   - Urgency. Removed and non-compliant go first, then compliant, inventory,
//     refresh; among equals who came first. Nothing starves: a part of each
//     quota is for routine work, and every fourth claim goes by age alone. A
//     device that flaps is reported as compliant at most every
//     Options.FlapDelay; non-compliant never waits.
//   - Pace. Under the quotas per tenant and over all tenants, summed over all
//     engines on a store. After 429 a queue waits as long as Microsoft asked,
//     and its rate finds what is allowed. A tenant that is throttled slows down
//     no other.
//   - Blame. A fault of a tenant (no token, no consent) parks its Windows
//     devices, or all others, whichever it concerns: one device at a time tries,
//     each time another. A write that is forbidden does so after
//     three devices, for it may be one device's. A device that Azure does not
//     know is tried after 30 s, 2, 10 and 30 minutes, hourly for a day, then
//     daily.
//   - Guard. Where more than 20 devices and more than 5 % of a tenant turn the
//     same way within an hour there is an alarm, and removals are held until
//     [Engine.Approve]. The first of a wave have gone by then, unless they come
//     in one Observe.
//
// # Observations
//
// Hand over every check-in, policy verdict and MSAL result as it comes, in any
// order, from any process; there is no need to find out what changed. What is
// blank is unchanged. StateUnspecified says that nothing was evaluated. A
// removal is final for an enrolment; give EnrollmentID and EnrolledAt so that a
// device can come back. Among records that claim one Azure id the newest
// enrolment counts; where that does not tell, the stricter standing is sent,
// nothing is deleted, and both show the conflict. Give UserID for phones and
// Macs: a sign-in name alone does not tell whether its user is another than the
// one before, whose pair with the device then stays until UserID is observed or
// the device is removed.
//
// # Times
//
// The store's clock rules: a database server's, or for SQLite the machine's.
// SeenAt is the host's, and refused where it is more than five minutes ahead of
// it. When the store's clock was set back, what was noted later counts as noted
// now; what waits for a time is looked at when that comes, or when its device is
// observed or synced.
//
// # Callbacks
//
// The handler of [Engine.Events], the caller's code within a sequence
// ([Engine.Devices], [Engine.Tenants], [Engine.Reconcile]) and the progress
// function of [Engine.OffBoard] may call the engine and take their time: no
// transaction is open meanwhile, nor where Options.CredentialExpires is asked,
// by [Engine.Tenant] and [Engine.Tenants]. The reporter is called from several goroutines.
//
// # What to alert on
//
//   - Counters.OldestRestrict more than 15 minutes ago: users keep an access
//     that they should not have.
//   - Tenant.LastSuccess more than a day ago while Unsent is not zero, or
//     Tenant.Parked set: the customer's administrator has to act.
//   - Counters.OldestConfirmed more than 8 days ago: refreshes do not get
//     through.
//   - Counters.Held not zero, and Tenant.Alarms: somebody has to decide.
//   - Counters.OldestUnconfirmed more than a day ago: the partner services do
//     not settle messages.
//   - Tenant.CredentialExpires within 30 days.
//
// # Sizing
//
// A device takes two rows, of about 60 and 600 bytes and their indexes. The
// engine itself keeps nothing of a device in memory: a page of 500 devices, and
// 20 for each call under way. One process can drive what the quotas allow, 117
// writes a second at most; a second one is for when the first is down. How
// many observations a store takes is in the documentation of the stores.
//
// # Measured
//
// A million devices of one tenant turn compliant, in virtual time against a
// service with a bucket of a window's writes, calls of 100 ms (go test -run
// TestVolume -v -timeout 30m -devices 1000000 ./azure/reporting): at the
// published quota 14 h 7 min, 1.017 times what 20 writes a second take, none of
// 1,000,003 reports refused; where the service allows the half, 0.999 times
// what that takes, 651 refused (0.07 %). Devices that turned non-compliant in
// the middle were written within 0.2 and 0.31 seconds. Other models of a quota
// are in the tests of the pace (go test -run TestThrottleModels -v
// ./azure/reporting); in those that count in windows and ask to wait for
// minutes, what is urgent waits as long as Microsoft asks, once.
//
// Where many tenants are imported at once, they take turns at the quota over all
// tenants. A device that turns non-compliant passes them in the process that
// observed it: 0.12 seconds at most with a hundred tenants or a thousand. What
// another process observed waits for its tenant's turn. Refreshes do not make it
// wait.
//
// # Guesses
//
// Nobody documents how the partner services throttle, so that their quota is
// that of Microsoft Graph until set; how long a message may take
// (Options.MessageTimeout); how long a request that was given up can be under
// way (Options.Linger); nor which model of a quota Microsoft uses: the pace does
// well under all that were thought of.
//
// # Storage
//
// [Store] knows rows, transactions and which rows are due; what the rows mean
// is the engine's, also where their number is the size of a quota or the wait
// that Microsoft asked for. Package memstore is the reference; package storetest
// proves any other, and package simtest runs the engine over it while all that
// can fail fails.
package reporting
