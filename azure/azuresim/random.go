package azuresim

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
)

// source is the simulator's only chance: seeded, and shared under a lock so
// that one seed gives one sequence.
type source struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newSource(seed uint64) *source {
	return &source{rng: rand.New(rand.NewPCG(seed, 0x6d646d6b6974))}
}

// guid answers a GUID of version 4.
func (s *source) guid() string {
	var raw [16]byte
	s.mu.Lock()
	binary.BigEndian.PutUint64(raw[:8], s.rng.Uint64())
	binary.BigEndian.PutUint64(raw[8:], s.rng.Uint64())
	s.mu.Unlock()
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], raw[:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// secret answers text that looks like a client secret of Entra's.
func (s *source) secret() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789~_-."
	text := make([]byte, 40)
	s.mu.Lock()
	for i := range text {
		text[i] = alphabet[s.rng.IntN(len(alphabet))]
	}
	s.mu.Unlock()
	return string(text)
}

// perm answers a shuffled 0..n-1.
func (s *source) perm(n int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Perm(n)
}

// isGUID tells whether s is written 8-4-4-4-12 in hexadecimal digits, of
// either case and with any value.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return false
			}
		}
	}
	return true
}
