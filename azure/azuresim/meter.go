package azuresim

import "time"

// meter measures what was used of one limit.
type meter interface {
	level(now time.Time) float64 // units that count at now
	add(now time.Time)           // counts one more
	// wait is how long it takes until the level is at most target, if nothing
	// is added.
	wait(now time.Time, target float64) time.Duration
}

func newMeter(m Model, l Limit) meter {
	switch m {
	case ModelFixedWindow:
		return &fixedWindow{per: l.Per}
	case ModelSlidingWindow:
		return &slidingWindow{step: max(l.Per/slices60, 1)}
	default:
		return &tokenBucket{limit: float64(l.Units), rate: float64(l.Units) / l.Per.Seconds()}
	}
}

// tokenBucket drains at a steady rate.
type tokenBucket struct {
	limit float64
	rate  float64 // units a second
	used  float64
	at    time.Time
}

func (b *tokenBucket) level(now time.Time) float64 {
	if passed := now.Sub(b.at); passed > 0 {
		b.used = max(0, b.used-passed.Seconds()*b.rate)
		b.at = now
	}
	return b.used
}

// add counts up to 1.8 times the limit, the most that Graph was seen to show,
// so that refused requests that count cannot lock a client out for ever.
func (b *tokenBucket) add(now time.Time) { b.used = min(b.level(now)+1, b.limit*1.8+1) }

func (b *tokenBucket) wait(now time.Time, target float64) time.Duration {
	over := b.level(now) - target
	if over <= 0 {
		return 0
	}
	return time.Duration(over / b.rate * float64(time.Second))
}

// fixedWindow starts anew at every full period.
type fixedWindow struct {
	per   time.Duration
	start time.Time
	used  float64
}

func (w *fixedWindow) level(now time.Time) float64 {
	if start := now.Truncate(w.per); start.After(w.start) {
		w.start, w.used = start, 0
	}
	return w.used
}

func (w *fixedWindow) add(now time.Time) { w.used = w.level(now) + 1 }

func (w *fixedWindow) wait(now time.Time, target float64) time.Duration {
	if w.level(now) <= target {
		return 0
	}
	return w.start.Add(w.per).Sub(now)
}

// slices60 is in how many steps a sliding window moves.
const slices60 = 60

// slidingWindow counts the last period in steps.
type slidingWindow struct {
	step  time.Duration
	slots [slices60]float64
	last  int64 // number of the newest step
	used  float64
}

func (w *slidingWindow) level(now time.Time) float64 {
	step := now.UnixNano() / int64(w.step)
	if step <= w.last {
		return w.used
	}
	for i := range min(step-w.last, slices60) {
		slot := &w.slots[(w.last+1+i)%slices60]
		w.used -= *slot
		*slot = 0
	}
	w.last = step
	return w.used
}

func (w *slidingWindow) add(now time.Time) {
	w.level(now)
	w.slots[w.last%slices60]++
	w.used++
}

func (w *slidingWindow) wait(now time.Time, target float64) time.Duration {
	left := w.level(now)
	for i := range int64(slices60) {
		if left <= target {
			return max(0, time.Unix(0, (w.last+i)*int64(w.step)).Sub(now))
		}
		left -= w.slots[(w.last+1+i)%slices60]
	}
	return time.Unix(0, (w.last+slices60)*int64(w.step)).Sub(now)
}
