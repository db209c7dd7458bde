package simtest

import (
	"math/rand/v2"
	"time"
)

// dice is one seeded source of chance. What happens at one step of a world
// comes from dice of that step alone, so that it does not depend on which
// goroutine asked first.
type dice struct{ *rand.Rand }

// rolled answers the dice of a seed and of what they are for.
func rolled(seed uint64, what string) dice { return dice{rngOf(seed, digest(seed, what))} }

func rngOf(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// digest is FNV-1a of a text, begun with a number, its bits mixed at the end.
func digest(h uint64, text string) uint64 {
	h ^= 14695981039346656037
	for i := range len(text) {
		h ^= uint64(text[i])
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// chance answers true p of the time; p of zero and below never.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between answers a duration from low up to high.
func (d dice) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(d.Int64N(int64(high-low)))
}

// among answers a number from low to high, both included.
func (d dice) among(low, high int) int { return low + d.IntN(high-low+1) }

// pick answers one of the values.
func pick[T any](d dice, values ...T) T { return values[d.IntN(len(values))] }

// guid answers a GUID.
func (d dice) guid() string {
	const digits = "0123456789abcdef"
	text := []byte("00000000-0000-4000-8000-000000000000")
	for i, c := range text {
		switch {
		case c == '-' || i == 14 || i == 19:
		default:
			text[i] = digits[d.IntN(16)]
		}
	}
	return string(text)
}
