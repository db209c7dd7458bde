package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// trials are the faults that were seen before, each with what the server does
// to show it. Where compression is not the matter the SDK has it switched off,
// so that one fault does not hide another.
var trials = slices.Concat(blocked, resent, broken, itemsThrottled, neverAgain, nonsense, compressed, lost)

var one = talk.Job{Devices: 1, AtOnce: 1}

var resent = []trial{{
	fault: "a throttled PATCH is sent again as plain JSON labeled gzip", answer: "429 once, to each of 80 fresh clients",
	script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: "1"}},
	job:    talk.Job{Devices: 80, AtOnce: 80, Fresh: true}, theirs: sdk,
	says: func(o talk.Outcome, s talk.Seen) string {
		return fmt.Sprintf("%d of 80 sent it so; %d devices written", s.Mislabeled, s.Devices)
	},
	shows: func(_ talk.Outcome, s talk.Seen) bool { return s.Mislabeled > 0 },
}}

// broken are answers of a batch that lack something. Without the item, or the
// responses, GetResponseById answers nil and a caller can tell;
// GetBatchResponseById, the documented way, does not look. The last is what
// Graph answers to a write.
var broken = func() (all []trial) {
	for _, a := range []struct {
		name, body string
		typed      bool
	}{
		{"whose item has no id, once", `{"responses":[{"status":204}]}`, false},
		{"whose item is null, once", `{"responses":[null]}`, false},
		{"whose item has no status, once", `{"responses":[{"id":"{id}"}]}`, true},
		{"whose responses are null, once", `{"responses":null}`, true},
		{"that lacks the item, once", `{"responses":[]}`, true},
		{"that is as it should be, 204 without a body", "", true},
	} {
		t := trial{
			fault: "the batch helper panics", answer: "a batch's answer " + a.name, theirs: uncompressed,
			job: talk.Job{Devices: 1, AtOnce: 1, Batch: true, Typed: a.typed}, says: ended, shows: panicked,
		}
		if a.body != "" {
			t.script.First = &talk.Answer{Status: 200, Body: a.body}
		}
		if a.typed {
			t.answer += "; GetBatchResponseById"
		}
		all = append(all, t)
	}
	return all
}()

func panicked(o talk.Outcome, _ talk.Seen) bool {
	for text := range o.Errors {
		if strings.HasPrefix(text, "panic") {
			return true
		}
	}
	return false
}

var itemsThrottled = []trial{{
	fault: "items answered 429 in a batch are never tried again", answer: "429 to 5 of 20 items, once",
	script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: "1"}, RefuseOf20: 5},
	job:    talk.Job{Devices: 20, AtOnce: 1, Batch: true}, theirs: sdk, says: ended,
	shows: func(_ talk.Outcome, s talk.Seen) bool { return s.Devices < 20 },
}}

// neverAgain are failures that pass.
var neverAgain = func() (all []trial) {
	for _, a := range []talk.Answer{{Status: 500}, {Status: 502}, {Status: 408}, {Reset: true}} {
		name := fmt.Sprint(a.Status)
		if a.Reset {
			name = "a broken connection"
		}
		all = append(all, trial{
			fault: "a failure that passes is never tried again", answer: name + ", once",
			script: talk.Script{First: &a}, job: one, theirs: sdk, says: ended,
			shows: func(_ talk.Outcome, s talk.Seen) bool { return s.Devices == 0 },
		})
	}
	return all
}()

// nonsense are waits that say nothing, after which a client must find one of
// its own, and fractions, which it must not cut off.
var nonsense = func() (all []trial) {
	const own = 500 * time.Millisecond // the least that is no storm
	for _, w := range []struct {
		value string
		least time.Duration
	}{
		{"-1", own}, {"NaN", own}, {"1e300", own}, {"0", own}, {"soon", own}, {"Mon, 01 Jan 2024 00:00:00 GMT", own},
		{"0.900", 900 * time.Millisecond}, {"2.128", 2128 * time.Millisecond},
	} {
		all = append(all, trial{
			fault: "Retry-After that is nonsense, past or a fraction: tried again too early", answer: "429 with Retry-After: " + w.value + ", once",
			script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: w.value}}, job: one, theirs: uncompressed,
			says: func(o talk.Outcome, s talk.Seen) string {
				if len(s.Gaps) == 0 {
					return ended(o, s)
				}
				return fmt.Sprintf("again after %v", rounded(s.Gaps[0]))
			},
			shows: func(_ talk.Outcome, s talk.Seen) bool { return len(s.Gaps) > 0 && s.Gaps[0] < w.least },
		})
	}
	return all
}()

var blocked = []trial{
	{
		fault: "Retry-After: 86400 blocks the caller until its own deadline", answer: "429 with it; the caller's context ends after 3 s",
		script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: "86400"}},
		job:    talk.Job{Devices: 1, AtOnce: 1, Timeout: 3 * time.Second}, theirs: uncompressed,
		says: waited, shows: func(o talk.Outcome, _ talk.Seen) bool { return o.Elapsed > 2*time.Second },
	}, {
		fault: "Retry-After: 86400 blocks a caller without a deadline for a day", answer: "429 with it; the caller's context has no end",
		script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: "86400"}},
		job:    one, theirs: uncompressed,
		says: waited, shows: func(o talk.Outcome, _ talk.Seen) bool { return o.Elapsed > 10*time.Minute },
	},
}

func waited(o talk.Outcome, _ talk.Seen) string {
	text := fmt.Sprintf("back after %v%s", rounded(o.Elapsed), failures(o))
	if o.LongestAsked > 0 {
		text += fmt.Sprintf(", wait %v", o.LongestAsked)
	}
	return text
}

var compressed = []trial{{
	fault: "every body of 40 bytes is compressed", answer: "204 to 300 devices",
	job: talk.Job{Devices: 300, AtOnce: 1}, theirs: sdk,
	says: func(o talk.Outcome, s talk.Seen) string {
		return fmt.Sprintf("%d of %d compressed, %.0f bytes sent and %.1f kB allocated each", s.Compressed, s.Calls,
			float64(s.BodyBytes)/float64(s.Calls), float64(o.Bytes)/float64(o.Delivered)/1000)
	},
	shows: func(_ talk.Outcome, s talk.Seen) bool { return s.Compressed > 0 },
}}

// lost is the published quota of 20 writes a second with a tenth of its burst,
// simulated, so that it is reached at once. A caller that drops what failed
// loses it; one that knows what was throttled, and for how long, does not.
var lost = func() []trial {
	const fleet = 1000
	quota := talk.Script{Burst: 300, PerSecond: 20}
	loop := talk.Job{Devices: fleet, AtOnce: 32}
	says := func(o talk.Outcome, s talk.Seen) string {
		text := fmt.Sprintf("%d lost, %v", fleet-s.Devices, rounded(o.Elapsed))
		if o.Rounds > 1 {
			text += fmt.Sprintf(", in %d rounds", o.Rounds)
		}
		return text + failures(o)
	}
	shows := func(_ talk.Outcome, s talk.Seen) bool { return s.Devices < fleet }
	const fault = "devices are lost to throttling"
	const answer = "simulated: 20 writes a second, 300 at first, 429 with Retry-After: 1 beyond; 1,000 devices, "
	return []trial{
		{fault: fault, answer: answer + "32 loops that drop what failed", script: quota, job: loop, theirs: sdk, says: says, shows: shows},
		{fault: fault, answer: answer + "the same, compression off", script: quota, job: loop, theirs: uncompressed, says: says, shows: shows},
		{
			fault: fault, answer: answer + "the batch helper; ReportBatch, whose throttled reports are given to it again",
			script: quota, job: talk.Job{Devices: fleet, AtOnce: 1, Batch: true},
			our:    &talk.Job{Devices: fleet, AtOnce: 1, Batch: true, Requeue: true},
			theirs: sdk, says: says, shows: shows,
		},
	}
}()
