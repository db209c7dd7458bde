package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// host hands the world's changes over to the workers, at least once each. Safe
// for concurrent use.
type host struct {
	moments moments

	mu      sync.Mutex
	world   *world
	rng     *rand.Rand
	pending []*change // not acknowledged, oldest first
	made    int       // how many of the world's changes are handed over
	batches map[int][]*change
	number  int
	more    chan struct{} // closed when there is more to hand over

	workers       map[int]bool // those that have asked
	handed, acked int
	faults        []string
}

// handOver asks for observations.
type handOver struct{ Worker int }

// batch is observations to be taken.
type batch struct {
	Number       int
	Observations []reporting.Observation
}

// taken says that Observe has returned nil for a batch.
type taken struct {
	Worker, Batch int
	Refused       []string
}

func newHost(seed uint64, w *world, m moments) *host {
	h := &host{moments: m, world: w, rng: rand.New(rand.NewPCG(seed, 2)), batches: map[int][]*change{}, workers: map[int]bool{}, more: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offer()
	return h
}

// change lets something happen in the world.
func (h *host) change(do func(w *world)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do(h.world)
	h.offer()
}

// offer makes what the world has changed ready to be handed over.
func (h *host) offer() {
	if h.made == len(h.world.changes) {
		return
	}
	h.pending = append(h.pending, h.world.changes[h.made:]...)
	h.made = len(h.world.changes)
	close(h.more)
	h.more = make(chan struct{})
}

// waiting is how many changes are not acknowledged.
func (h *host) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.pending)
}

// met is how many workers have asked for something to do.
func (h *host) met() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.workers)
}

// patience is after how long a batch is handed over again that a worker has
// neither acknowledged nor died with.
const patience = 5 * time.Second

// next answers a batch, empty where there is nothing.
func (h *host) next(worker int) (batch, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.workers[worker] = true
	now := time.Now()
	var free []*change
	for _, c := range h.pending {
		if c.handedUntil.Before(now) {
			free = append(free, c)
		}
	}
	if len(free) == 0 {
		return batch{}, h.more
	}
	if h.rng.Float64() < 0.3 { // in any order
		h.rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	}
	some := slices.Clone(free[:min(len(free), 1+h.rng.IntN(40))])
	for _, c := range some {
		c.handedUntil = now.Add(patience)
	}
	if h.rng.Float64() < 0.1 { // what was taken before, once more
		for range 3 {
			if c := h.world.changes[h.rng.IntN(h.made)]; !c.acked.IsZero() {
				some = append(some, c)
			}
		}
	}
	h.number++
	b := batch{Number: h.number}
	for _, c := range some {
		if c.handed++; c.handed == 1 {
			c.handedAt = now
		}
		b.Observations = append(b.Observations, c.observation)
	}
	h.handed += len(some)
	h.batches[h.number] = some
	return b, nil
}

// took notes an acknowledgement.
func (h *host) took(t taken) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	some, known := h.batches[t.Batch]
	if !known {
		return fmt.Errorf("batch %d was never handed over", t.Batch)
	}
	for _, r := range t.Refused {
		h.faults = append(h.faults, "an observation was refused: "+r)
	}
	now := time.Now()
	for _, c := range some {
		if c.acked.IsZero() {
			c.acked = now
			c.record.waiting--
			h.acked++
		}
	}
	h.pending = slices.DeleteFunc(h.pending, func(c *change) bool { return !c.acked.IsZero() })
	delete(h.batches, t.Batch)
	return nil
}

// died takes back what was handed over and not acknowledged: at once, whoever
// has it.
func (h *host) died() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.pending {
		c.handedUntil = time.Time{}
	}
	close(h.more)
	h.more = make(chan struct{})
}

// longPoll is how long a worker waits for more.
const longPoll = 500 * time.Millisecond

// ServeHTTP is the feed.
func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/next":
		var ask handOver
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b := h.await(r.Context(), ask.Worker)
		if err := json.NewEncoder(w).Encode(b); err == nil && len(b.Observations) > 0 {
			_ = http.NewResponseController(w).Flush()
			h.moments.reach(ask.Worker, momentHanded)
		}
	case "/taken":
		var t taken
		err := json.NewDecoder(r.Body).Decode(&t)
		if err == nil {
			err = h.took(t)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.moments.reach(t.Worker, momentTaken)
	default:
		http.NotFound(w, r)
	}
}

// await waits a while until there is a batch.
func (h *host) await(ctx context.Context, worker int) batch {
	timer := time.NewTimer(longPoll)
	defer timer.Stop()
	for {
		b, more := h.next(worker)
		if more == nil {
			return b
		}
		select {
		case <-more:
		case <-timer.C:
			return b
		case <-ctx.Done():
			return b
		}
	}
}
