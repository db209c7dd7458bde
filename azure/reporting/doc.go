// Package reporting keeps what a host sees of its devices and reports the
// newest standing of each to Azure: when its compliance changes, when its
// inventory changes, and once a week. What [Engine.Observe] has taken is
// durable, and survives the process.
//
// # Not finished
//
// This package is under construction; its names may change without notice and
// nothing else in this module depends on it. What is here: the order of
// observations, enrolments and Azure ids; what is sent for every standing and
// client code; coalescing, urgency, the weekly refresh, retries, messages that
// are settled later, the second step of removals, parking of a tenant, a pace
// for each tenant and channel, the modes of a tenant, and one device's details.
// What is not here yet: the guard against mass changes, listing, syncing,
// approving, forgetting and reconciling devices, off-boarding a tenant,
// counters and events, a limit over all tenants, a pace that adapts, storage
// on disk, and the simulation that is to prove all of it under faults. Do not
// rely on it for devices.
//
// # The way of an observation
//
//	Observe  -> the device's record, in the target of its Azure id; newest wins
//	decide   -> what Azure should hold, whether it has to be told, and when
//	Run      -> claims targets that are due under a lease, paced, and reports them
//	settle   -> accepted, in progress, tried again, or refused with the reason
//	Device   -> what the administrator sees
//
// A target is one Azure id of one tenant. Order, exclusion and the time that
// orders reports at Microsoft belong to it and outlive the host's records.
//
// # Storage
//
// [Store] knows rows, transactions and which rows are due; what the rows mean
// is the engine's. Package memstore is the reference, package storetest proves
// any other.
package reporting
