package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var errOfFn = errors.New("fn's own error")

// increment adds one to the number in each row's Data, which is 0 where there
// is no row.
func increment(tx reporting.Tx, keys ...reporting.Key) error {
	rows, err := tx.Get(keys...)
	if err != nil {
		return err
	}
	for i, r := range rows {
		n := 0
		if r.Version > 0 {
			if n, err = strconv.Atoi(string(r.Data)); err != nil {
				return err
			}
		}
		rows[i].Data = []byte(strconv.Itoa(n + 1))
	}
	runtime.Gosched()
	return tx.Put(rows...)
}

func (x *trial) counts(key reporting.Key, want int) {
	if got := x.get(key)[0]; string(got.Data) != strconv.Itoa(want) {
		x.wrong("after %d increments %v is %q", want, key, got.Data)
	}
}

// race lets goroutines increment the same keys, over several handles.
func (x *trial) race(handles ...reporting.Store) {
	const workers, rounds = 8, 25
	existing, shared := device("existing"), ids("new", rounds)
	x.put(reporting.Row{Key: existing, Data: []byte("0")})
	x.together(workers, func(i int) {
		for round := range rounds {
			keys := []reporting.Key{existing, device(shared[round])}
			for _, k := range keys {
				if err := handles[i%len(handles)].Update(x.ctx(), func(tx reporting.Tx) error { return increment(tx, k) }); err != nil {
					x.wrong("one of %d concurrent Updates: %v", workers, err)
					return
				}
			}
		}
	})
	x.counts(existing, workers*rounds)
	for _, id := range shared {
		x.counts(device(id), workers)
	}
}

var updateRules = []rule{
	{
		"Update/RollsBackOnError",
		"Update returns fn's own error as it is, and nothing of what fn put or deleted is there",
		func(x *trial) {
			x.put(plain("a", "old"), plain("b", "old"))
			was := x.get(device("a"))[0]
			err := x.store.Update(x.ctx(), func(tx reporting.Tx) error {
				if err := put(tx, plain("a", "new"), plain("n", "new")); err != nil {
					return err
				}
				if _, err := tx.Get(device("b")); err != nil {
					return err
				}
				if err := tx.Delete(device("b")); err != nil {
					return err
				}
				return errOfFn
			})
			if err != errOfFn {
				x.wrong("Update returns %v, want the error of fn as it is", err)
			}
			x.stands("after an error", plain("a", "old"), plain("b", "old"))
			x.absent("after an error", device("n"))
			if got := x.get(device("a"))[0]; got.Version != was.Version {
				x.wrong("after an error Version went from %d to %d", was.Version, got.Version)
			}
		},
	},
	{
		"Update/RollsBackOnPanic",
		"an fn that panics leaves nothing behind, no lock either, and its panic is not taken for success",
		func(x *trial) {
			x.put(plain("a", "old"))
			var err error
			var panicked any
			func() {
				defer func() { panicked = recover() }()
				err = x.store.Update(x.ctx(), func(tx reporting.Tx) error {
					if err := put(tx, plain("a", "new"), plain("n", "new")); err != nil {
						return err
					}
					panic("fn's own panic")
				})
			}()
			if panicked == nil && err == nil {
				x.wrong("Update of an fn that panics returns nil")
			}
			x.returns("the Update after a panic", func() {
				x.stands("after a panic", plain("a", "old"))
				x.absent("after a panic", device("n"))
				x.put(plain("a", "after"))
			})
		},
	},
	{
		"Update/FailsWithItsTx",
		"after a method of Tx has failed Update fails too, and nothing is written, even if fn returns nil: half of what fn wanted is not what it put",
		func(x *trial) {
			x.put(plain("a", "old"))
			err := x.store.Update(x.ctx(), func(tx reporting.Tx) error {
				if err := put(tx, plain("a", "new")); err != nil {
					return err
				}
				if err := tx.Put(plain("b", "new")); err == nil { // not got
					return errOfFn
				}
				return nil
			})
			if err == nil || err == errOfFn {
				x.wrong("an Update whose Put has failed returns %v", err)
			}
			x.stands("after a failed Put", plain("a", "old"))
		},
	},
	{
		"Update/Isolated",
		"of two Updates that get the same key, whether it exists or not, one sees the other's result: an observation must not overwrite one that it has not seen",
		func(x *trial) { x.race(x.store) },
	},
	{
		"Update/IsolatedAmongHandles",
		"of two Updates of different processes that get the same key, one sees the other's result: several engines share a store",
		func(x *trial) { x.race(x.store, x.second()) },
	},
	{
		"Update/NoDeadlock",
		"calls that get the same keys in different order all come to their end: the store takes locks in the order of the keys, or resolves the deadlock by running fn again",
		func(x *trial) {
			const workers, rounds, keys = 6, 20, 8
			var done [keys]atomic.Int64
			x.put(plain("k000", "0"), plain("k003", "0"), plain("k006", "0"))
			x.together(workers, func(i int) {
				random := rand.New(rand.NewPCG(uint64(i), 17))
				for range rounds {
					picked := random.Perm(keys)[:5]
					var ks []reporting.Key
					for _, n := range picked {
						ks = append(ks, device(fmt.Sprintf("k%03d", n)))
					}
					if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return increment(tx, ks...) }); err != nil {
						x.wrong("one of %d concurrent Updates: %v", workers, err)
						return
					}
					for _, n := range picked {
						done[n].Add(1)
					}
				}
			})
			for n := range done {
				x.counts(device(fmt.Sprintf("k%03d", n)), int(done[n].Load()))
			}
		},
	},
	{
		"Update/SeenAsAWhole",
		"a reader sees all of a transaction or nothing of it",
		func(x *trial) {
			pair := func(n int) []reporting.Row {
				return []reporting.Row{plain("a", strconv.Itoa(n)), plain("b", strconv.Itoa(n))}
			}
			x.put(pair(0)...)
			var over atomic.Bool
			x.together(3, func(i int) {
				if i == 0 {
					defer over.Store(true)
					for n := range 50 {
						err := x.store.Update(x.ctx(), func(tx reporting.Tx) error {
							rows := pair(n)
							if _, err := tx.Get(keysOf(rows)...); err != nil {
								return err
							}
							for _, r := range rows {
								if err := tx.Put(r); err != nil {
									return err
								}
								runtime.Gosched()
							}
							return nil
						})
						if err != nil {
							x.wrong("Update: %v", err)
							return
						}
					}
					return
				}
				for !over.Load() {
					rows, err := x.store.Scan(x.ctx(), 2, "contoso", reporting.Key{}, 10)
					if err != nil || len(rows) != 2 || string(rows[0].Data) != string(rows[1].Data) {
						x.wrong("a Scan beside Updates that always put two rows alike finds %d, %v: %v", len(rows), err, rows)
						return
					}
					runtime.Gosched()
				}
			})
		},
	},
	{
		"Update/NothingToDo",
		"an fn that puts nothing is no error, and changes nothing",
		func(x *trial) {
			x.update(func(reporting.Tx) error { return nil })
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(device("n"), device("m")); err != nil {
					return err
				}
				if err := tx.Put(); err != nil {
					return err
				}
				return tx.Delete()
			})
			x.absent("keys that were got and not put", device("n"), device("m"))
			rows, err := x.store.Scan(x.ctx(), 2, "", reporting.Key{}, 10)
			if err != nil || len(rows) != 0 {
				x.wrong("Scan finds %v, %v where nothing was put", rows, err)
			}
		},
	},
}
