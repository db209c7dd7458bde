package memstore

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// The set against a sorted slice, through growth, shrinking and emptiness.
func TestOrdered(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	o := &ordered[int]{compare: cmp.Compare[int]}
	var want []int
	check := func() {
		t.Helper()
		got := slices.Collect(o.from(-1))
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("values (-want +got):\n%s", diff)
		}
		for range 20 {
			v := random.IntN(1 << 20)
			at, _ := slices.BinarySearch(want, v)
			first, ok := o.first(v)
			if ok != (at < len(want)) || ok && first != want[at] {
				t.Fatalf("the first from %d is %d, %t", v, first, ok)
			}
		}
		for _, c := range o.chunks {
			if len(c) == 0 || len(c) > chunk {
				t.Fatalf("a chunk has %d values", len(c))
			}
		}
	}
	for _, size := range []int{10, 3000, 500, 4000, 0, 700} {
		for len(want) != size {
			if v := random.IntN(1 << 20); len(want) < size {
				at, found := slices.BinarySearch(want, v)
				if found {
					continue
				}
				want = slices.Insert(want, at, v)
				o.insert(v)
			} else {
				at := random.IntN(len(want))
				o.remove(want[at])
				want = slices.Delete(want, at, at+1)
			}
		}
		if size == 0 {
			want = nil
		}
		check()
	}
	for v := range 2000 {
		o.insert(1<<20 + v)
		want = append(want, 1<<20+v)
	}
	check()
	if n := len(o.chunks); n > 30 {
		t.Errorf("2,700 values of which 2,000 came in order take %d chunks", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("removing what is not there: no panic")
		}
	}()
	o.remove(-1)
}
