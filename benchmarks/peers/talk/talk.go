// Package talk holds what the programs of this benchmark say to each other, as
// JSON: the program that runs them, the server, and the clients.
package talk

import (
	"fmt"
	"time"
)

// Token is the bearer token that every client sends and the server expects.
const Token = "token"

// Device is one device and what is to be reported of it. All are managed.
type Device struct {
	ID        string
	Compliant bool
}

// NewDevice answers the n-th device, from 1. Every second one is compliant, so
// that a server can tell a right report from a constant one.
func NewDevice(n int) Device {
	return Device{ID: fmt.Sprintf("007c8232-9489-4074-9b35-%012x", n), Compliant: n%2 == 0}
}

// Job is what a client is told to do: to report the devices from 1 to Devices.
type Job struct {
	URL          string        // of Graph, without its version
	Batch        bool          // in $batch calls of 20, else one call a device
	AtOnce       int           // calls under way at once
	Devices      int           // measured
	WarmUp       int           // reported before the clock starts, in addition
	Fresh        bool          // a client of its own for each device
	Uncompressed bool          // of msgraph-sdk-go: request compression switched off
	Typed        bool          // of msgraph-sdk-go: a batch's answers read by GetBatchResponseById, as documented for reads
	Requeue      bool          // what was throttled is reported again when its wait is over
	Timeout      time.Duration // of all calls together; zero: none
	Profile      string        // a file for a CPU profile of what is measured; empty: none
}

// Outcome is what a client did and what that cost its process.
type Outcome struct {
	Elapsed, CPU  time.Duration
	Allocs, Bytes uint64
	Delivered     int            // devices that the client holds for reported
	Errors        map[string]int // the others, by what the client said
	LongestAsked  time.Duration  // the longest wait that an error told its caller
	Rounds        int            // one, and one for each time that Requeue reported again
}

// Script says how the server treats the calls of one session. The zero value
// lets everything succeed.
type Script struct {
	First      *Answer // to the first call of each device, or the first batch
	RefuseOf20 int     // how many items of the first batch are answered 429, with First's Retry-After
	Burst      int     // a bucket of so many writes, zero: no limit
	PerSecond  float64 // that is filled at this rate
}

// Answer is one answer of the server.
type Answer struct {
	Status     int
	RetryAfter string
	Body       string // {id} stands for the id of the batch's first item
	Reset      bool   // the connection is dropped instead
}

// Seen is what the server saw of one session.
type Seen struct {
	Calls      int
	Devices    int             // distinct, written with the right values
	Wrong      int             // writes that Graph would have refused, or with other values
	Repeats    int             // writes to a device that had been written
	Compressed int             // calls with a gzip body
	Mislabeled int             // calls whose body was labeled gzip and was not
	BodyBytes  int             // on the wire
	Throttled  int             // items of batches answered 429
	Gaps       []time.Duration // between a device's first call and its second
	Problem    string          // what was wrong with the first of Wrong
}

// Address is the first line of the server's output.
type Address struct {
	URL         string
	Certificate string // PEM, of https
}
