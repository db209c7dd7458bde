package memstore

import (
	"iter"
	"slices"
)

// chunk is how many values stand together. An insertion moves half a chunk,
// and half of one pointer for each chunk.
const chunk = 256

// ordered is a sorted set. Its values are kept in chunks, each sorted, so that
// a million of them need no tree.
type ordered[T any] struct {
	compare func(a, b T) int // 0: the same value
	chunks  [][]T            // none is empty
}

// place answers the chunk in which v is or belongs, and its place there.
func (o *ordered[T]) place(v T) (at, in int, found bool) {
	at, _ = slices.BinarySearchFunc(o.chunks, v, func(c []T, v T) int { return o.compare(c[len(c)-1], v) })
	if at == len(o.chunks) {
		return at, 0, false
	}
	in, found = slices.BinarySearchFunc(o.chunks[at], v, o.compare)
	return at, in, found
}

// insert adds v, which is not in the set.
func (o *ordered[T]) insert(v T) {
	at, in, _ := o.place(v)
	if at == len(o.chunks) {
		if at == 0 {
			o.chunks = append(o.chunks, []T{v})
			return
		}
		at--
		in = len(o.chunks[at])
	}
	c := slices.Insert(o.chunks[at], in, v)
	o.chunks[at] = c
	if len(c) < chunk {
		return
	}
	// Values that come in ascending order leave full chunks behind.
	half := len(c) / 2
	if in == len(c)-1 {
		half = len(c) - 1
	}
	upper := append(make([]T, 0, chunk), c[half:]...)
	clear(c[half:])
	o.chunks[at] = c[:half]
	o.chunks = slices.Insert(o.chunks, at+1, upper)
}

// remove takes v out, which is in the set.
func (o *ordered[T]) remove(v T) {
	at, in, found := o.place(v)
	if !found {
		panic("memstore: an index lacks a row")
	}
	o.chunks[at] = slices.Delete(o.chunks[at], in, in+1)
	if len(o.chunks[at]) == 0 {
		o.chunks = slices.Delete(o.chunks, at, at+1)
	}
}

// from answers the values that are not less than v, in order. The set must not
// change meanwhile.
func (o *ordered[T]) from(v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		at, in, _ := o.place(v)
		for ; at < len(o.chunks); at, in = at+1, 0 {
			for _, v := range o.chunks[at][in:] {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// below counts the values that are less than v.
func (o *ordered[T]) below(v T) int {
	at, in, _ := o.place(v)
	for _, c := range o.chunks[:at] {
		in += len(c)
	}
	return in
}

// first answers the first value that is not less than v.
func (o *ordered[T]) first(v T) (first T, ok bool) {
	at, in, _ := o.place(v)
	if at == len(o.chunks) {
		return first, false
	}
	return o.chunks[at][in], true
}
