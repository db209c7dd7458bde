package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// workers are the processes. Safe for concurrent use.
type workers struct {
	settings
	orders orders // but for the number
	folder string // for what they log
	died   func() // a worker was killed

	requests func() []azuresim.Request // what came to Microsoft so far

	mu     sync.Mutex
	slots  []*slot
	left   int // kills
	pauses int // stops that are left
	deaths map[moment]int

	stopped []stop
	over    chan struct{} // closed when all kills and stops are done
	rages   int           // slots in which they are not
}

// slot is a place for a worker, one after the other.
type slot struct {
	number int
	rng    *rand.Rand
	log    *os.File

	mu      sync.Mutex
	process *os.Process
	death   death
	doomed  bool // killed, or about to be
	killed  bool

	frozen   chan struct{} // closed when it is stopped; nil: it is not to be
	frozenAt time.Time
	fault    error // why it could not be stopped
}

// workerMoments are moments of workers that are still to come.
type workerMoments struct{ to atomic.Pointer[workers] }

func (w *workerMoments) reach(worker int, m moment) bool {
	to := w.to.Load()
	if to == nil || worker < 1 || worker > len(to.slots) {
		return false
	}
	return to.slots[worker-1].reach(m)
}

func newWorkers(s settings, o orders, folder string, died func()) (*workers, error) {
	w := &workers{settings: s, orders: o, folder: folder, died: died, left: s.kills, pauses: s.stops, deaths: map[moment]int{}, over: make(chan struct{})}
	for n := range s.workers {
		log, err := os.Create(filepath.Join(folder, senderName(n+1)+".log"))
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.slots = append(w.slots, &slot{number: n + 1, rng: rand.New(rand.NewPCG(s.seed, uint64(100+n))), log: log})
	}
	return w, nil
}

func (w *workers) close() error {
	var faults []error
	for _, s := range w.slots {
		faults = append(faults, s.log.Close())
	}
	return errors.Join(faults...)
}

// reach kills or stops the worker if this is its moment.
func (s *slot) reach(m moment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.death.moment != m || s.doomed {
		return false
	}
	if s.death.count--; s.death.count > 0 {
		return false
	}
	if m == momentWrite {
		s.freeze()
		return true
	}
	s.doomed = true
	if s.death.delay > 0 {
		time.AfterFunc(s.death.delay, s.kill)
		return false
	}
	s.killLocked()
	return true
}

func (s *slot) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
}

func (s *slot) killLocked() {
	if s.process != nil && !s.killed {
		s.doomed, s.killed = true, true
		_ = s.process.Kill() // else it has ended by itself, and is found out
	}
}

// process is a worker that runs.
type process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

// start starts the worker of a slot, to die at its moment.
func (w *workers) start(s *slot, d death) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, workerArg)}
	p.cmd.Stdout, p.cmd.Stderr = s.log, s.log
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	o := w.orders
	o.Number = s.number
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.process, s.death, s.doomed, s.killed = p.cmd.Process, d, false, false
	s.frozen, s.frozenAt, s.fault = nil, time.Time{}, nil
	if d.moment == momentWrite {
		s.frozen = make(chan struct{})
	}
	if _, err := p.input.Write(text); err != nil {
		return nil, err
	}
	return p, nil
}

// ended waits for the end of a worker and answers whether it was killed.
func (s *slot) ended(p *process) (killed bool, err error) {
	err = p.cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = nil
	return s.killed, err
}

// rage lets workers live and die until all kills are done.
func (w *workers) rage(ctx context.Context) error {
	faults := make(chan error, len(w.slots))
	w.rages = len(w.slots)
	for _, s := range w.slots {
		go func() { faults <- w.rageIn(ctx, s) }()
	}
	var all []error
	for range w.slots {
		all = append(all, <-faults)
	}
	return errors.Join(all...)
}

func (w *workers) rageIn(ctx context.Context, s *slot) error {
	err := w.lives(ctx, s)
	w.mu.Lock()
	if w.rages--; w.rages == 0 {
		close(w.over)
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	// Until the others are done it does their work.
	select {
	case <-w.over:
		return ctx.Err()
	default:
	}
	return w.peace(s, w.over, func(error) {})
}

// lives are those of a slot until none is left.
func (w *workers) lives(ctx context.Context, s *slot) error {
	for ctx.Err() == nil {
		stops, more := w.life()
		if !more {
			return nil
		}
		d := drawDeath(s.rng, w.settings.life)
		if stops {
			d = death{moment: momentWrite, count: 1}
		}
		p, err := w.start(s, d)
		if err == nil && stops {
			err = w.oversleep(ctx, s, p)
		} else if err == nil {
			err = w.live(ctx, s, p, d)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// killed is how many were killed so far.
func (w *workers) killed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, deaths := range w.deaths {
		n += deaths
	}
	return n
}

// life takes a life from those that are left, and answers whether it is to be
// one with a stop.
func (w *workers) life() (stops, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 && w.pauses == 0 {
		return false, false
	}
	// The stops lie among the kills.
	if w.pauses > 0 && w.left*w.settings.stops <= w.settings.kills*w.pauses {
		w.pauses--
		return true, true
	}
	w.left--
	return false, true
}

// live waits for the death of a worker, which comes after its longest life at
// the latest.
func (w *workers) live(ctx context.Context, s *slot, p *process, d death) error {
	longest := w.settings.life
	if d.moment == momentTime || d.moment == momentStart {
		longest = d.delay
	}
	gone := make(chan struct{})
	var killed bool
	var err error
	go func() {
		killed, err = s.ended(p)
		close(gone)
	}()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-gone:
	}
	s.kill()
	<-gone
	if !killed {
		return early(s, err)
	}
	w.mu.Lock()
	w.deaths[d.moment]++
	w.mu.Unlock()
	w.died()
	return nil
}

// rest lets workers run undisturbed until done is closed, and then end. early
// is told of one that ends before.
func (w *workers) rest(done <-chan struct{}, early func(error)) error {
	faults := make(chan error, len(w.slots))
	for _, s := range w.slots {
		go func() { faults <- w.peace(s, done, early) }()
	}
	var all []error
	for range w.slots {
		all = append(all, <-faults)
	}
	return errors.Join(all...)
}

// peace is rest, of one slot.
func (w *workers) peace(s *slot, done <-chan struct{}, told func(error)) error {
	p, err := w.start(s, death{})
	if err != nil {
		return err
	}
	ended := s.await(p)
	select {
	case <-done:
		return w.finish(s, p, ended)
	case err := <-ended:
		err = early(s, err)
		told(err)
		return err
	}
}

// await waits for the end of a worker in the background.
func (s *slot) await(p *process) (ended <-chan error) {
	gone := make(chan error, 1)
	go func() {
		_, err := s.ended(p)
		gone <- err
	}()
	return gone
}

// finish lets a worker end as its host does: by the end of its input.
func (w *workers) finish(s *slot, p *process, ended <-chan error) error {
	_ = p.input.Close()
	timer := time.NewTimer(w.settings.call + 20*time.Second)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("worker %d ended with %w; see %s", s.number, err, s.log.Name())
		}
		return nil
	case <-timer.C:
		s.kill()
		<-ended
		return fmt.Errorf("worker %d did not end", s.number)
	}
}

func early(s *slot, err error) error {
	return fmt.Errorf("worker %d ended by itself: %v; see %s", s.number, err, s.log.Name())
}
