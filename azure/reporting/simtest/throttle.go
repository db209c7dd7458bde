package simtest

import "time"

// model is how Microsoft counts calls: which it is, nobody outside knows.
type model string

const (
	noThrottle    model = "none"
	tokenBucket   model = "token bucket"
	fixedWindow   model = "fixed window"
	slidingWindow model = "sliding window"
)

// meter is the quota of one lane.
type meter struct {
	model   model
	rate    float64 // calls a second
	burst   float64 // of the bucket
	window  time.Duration
	refused bool // refused calls count too

	tokens float64
	at     time.Time // of the bucket's last call; of the window's begin
	calls  []time.Time
	used   float64
}

// take counts one call, and answers how long to wait where it is too many.
func (m *meter) take(now time.Time) (ok bool, wait time.Duration) {
	switch m.model {
	case tokenBucket:
		m.tokens = min(m.burst, m.tokens+now.Sub(m.at).Seconds()*m.rate)
		m.at = now
		if m.tokens >= 1 {
			m.tokens--
			return true, 0
		}
		if m.refused {
			m.tokens = max(-m.burst/2, m.tokens-0.5)
		}
		return false, time.Duration((1 - m.tokens) / m.rate * float64(time.Second))
	case fixedWindow:
		if now.Sub(m.at) >= m.window {
			m.at, m.used = now.Truncate(m.window), 0
		}
		most := max(1, m.rate*m.window.Seconds())
		if m.used < most {
			m.used++
			return true, 0
		}
		return false, m.at.Add(m.window).Sub(now)
	case slidingWindow:
		for len(m.calls) > 0 && now.Sub(m.calls[0]) >= m.window {
			m.calls = m.calls[1:]
		}
		most := max(1, int(m.rate*m.window.Seconds()))
		if len(m.calls) < most {
			m.calls = append(m.calls, now)
			return true, 0
		}
		wait := m.calls[0].Add(m.window).Sub(now)
		if m.refused && len(m.calls) < 2*most {
			m.calls = append(m.calls, now)
		}
		return false, wait
	}
	return true, 0
}

// meter answers the quota of a lane. The world's lock is held.
func (w *world) meter(l lane) *meter {
	m := w.azure.meters[l]
	if m == nil {
		own := w.plan.throttle
		own.tokens, own.at = own.burst, time.Now()
		m = &own
		w.azure.meters[l] = m
	}
	return m
}
