package reporting

import (
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// failed takes a failure and says when to try again. A zero Retry means: when
// something changes, or with the weekly report. verdict: it is a message's, for
// which neither queue nor tenant waits.
func (t *target) failed(e *azure.Error, now time.Time, verdict bool) {
	f := &failure{Err: *e, At: now, Since: now}
	if t.Failure != nil {
		f.Tries, f.Absent = t.Failure.Tries, t.Failure.Absent
		if t.Failure.Err.Kind == e.Kind {
			f.Since = t.Failure.Since
		}
	}
	f.Err.Err = nil
	if passes(e) && !verdict {
		// The queue waits, not the device.
		f.Retry = now
		t.Failure = f
		return
	}
	f.Tries++
	switch {
	case final(e):
	case absent(e):
		f.Absent++
		f.Retry = now.Add(absentRetry(f.Absent))
	default:
		most := 15 * time.Minute
		switch {
		case e.Kind == azure.ErrForbidden:
			most = time.Hour // it may be this device's fault, and last
		case e.Scope == azure.ScopeTenant && !verdict:
			most = 2 * time.Minute // it is the tenant that waits
		}
		f.Retry = now.Add(max(e.RetryAfter, backOff(f.Tries, 5*time.Second, most)))
	}
	t.Failure = f
}

// passes reports whether a failure is the queue's to wait for.
func passes(e *azure.Error) bool {
	return e.Kind == azure.ErrThrottled || e.Outcome == azure.OutcomeNotSent && e.Kind == azure.ErrUnavailable
}

// absent reports whether Azure does not know the device, or its user.
func absent(e *azure.Error) bool {
	return e.Kind == azure.ErrDeviceNotFound || e.Kind == azure.ErrUserNotFound
}

// final reports whether the same report will be refused again.
func final(e *azure.Error) bool {
	return e.Outcome != azure.OutcomeUnknown && (e.Kind == azure.ErrInvalid || e.Kind == azure.ErrUnsupported || e.Kind == azure.ErrRejected)
}

// longestRetry is the longest wait that is not Microsoft's.
const longestRetry = 24 * time.Hour

// mostAbsent is how often Azure may not know a device or its user before that is
// no replication any more, and nothing is there to be closed.
const mostAbsent = 5

// absentRetry is when to look again for a device that Azure does not know: soon
// after a registration it may be replication, after a day it is not.
func absentRetry(tries int) time.Duration {
	soon := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	switch {
	case tries <= len(soon):
		return soon[tries-1]
	case tries <= len(soon)+24:
		return time.Hour
	}
	return 24 * time.Hour
}

// backOff doubles from the first wait to the most.
func backOff(tries int, first, most time.Duration) time.Duration {
	if tries > 20 {
		return most
	}
	return min(most, first<<(tries-1))
}
