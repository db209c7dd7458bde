package wire

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, forever := NewCache[int](10, time.Hour), NewCache[int](10, 0)
		c.Put("a", 1)
		forever.Put("a", 1)
		for _, step := range []struct {
			wait  time.Duration
			fresh bool
		}{{0, true}, {time.Hour - time.Nanosecond, true}, {time.Nanosecond, false}, {1000 * time.Hour, false}} {
			time.Sleep(step.wait)
			// What is not believed any more is still known: it may be better
			// than nothing.
			if value, known, fresh := c.Get("a"); value != 1 || !known || fresh != step.fresh {
				t.Errorf("after %v more: %d, %v, %v; want 1, true, %v", step.wait, value, known, fresh, step.fresh)
			}
			if _, _, fresh := forever.Get("a"); !fresh {
				t.Errorf("without a lifetime, after %v more: not fresh", step.wait)
			}
		}
		c.Put("a", 2)
		if value, _, fresh := c.Get("a"); value != 2 || !fresh {
			t.Errorf("put anew: %d, %v", value, fresh)
		}
		if value, known, fresh := c.Get("b"); value != 0 || known || fresh {
			t.Errorf("unknown: %d, %v, %v", value, known, fresh)
		}
	})
}

func TestCacheBound(t *testing.T) {
	c := NewCache[int](3, time.Hour)
	known := func(key string) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.byKey[key] != nil
	}
	for i, key := range []string{"a", "b", "c"} {
		c.Put(key, i)
	}
	c.Get("a")    // b is the oldest
	c.Put("b", 9) // c is
	c.Put("d", 3)
	for key, want := range map[string]bool{"a": true, "b": true, "c": false, "d": true} {
		if known(key) != want {
			t.Errorf("%s is kept: %v, want %v", key, !want, want)
		}
	}
	for i := range 1000 {
		c.Put(fmt.Sprint(i), i)
	}
	if len(c.byKey) != 3 || c.order.Len() != 3 {
		t.Errorf("%d and %d are kept of 3", len(c.byKey), c.order.Len())
	}
	c.Drop("999")
	c.Drop("never there")
	if len(c.byKey) != 2 || c.order.Len() != 2 || known("999") {
		t.Errorf("after a drop %d and %d are kept, want 2", len(c.byKey), c.order.Len())
	}
}

func TestCacheByManyAtOnce(t *testing.T) {
	c := NewCache[int](8, time.Hour)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 200 {
				key := fmt.Sprint((n + i) % 16)
				c.Put(key, i)
				c.Get(key)
				c.Drop(fmt.Sprint(i % 16))
			}
		})
	}
	all.Wait()
	if len(c.byKey) != c.order.Len() || len(c.byKey) > 8 {
		t.Errorf("%d by key, %d in order, want the same of at most 8", len(c.byKey), c.order.Len())
	}
}
