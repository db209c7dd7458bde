package wire

import (
	"container/list"
	"sync"
	"time"
)

// Cache keeps values for a while, and of more than its bound those used last.
// Safe for concurrent use.
type Cache[V any] struct {
	most     int
	lifetime time.Duration
	mu       sync.Mutex
	byKey    map[string]*list.Element
	order    *list.List // of *kept[V], the one used last in front
}

type kept[V any] struct {
	key   string
	value V
	until time.Time
}

// NewCache answers a cache of most values. With a lifetime of zero they are
// believed for ever.
func NewCache[V any](most int, lifetime time.Duration) *Cache[V] {
	return &Cache[V]{most: most, lifetime: lifetime, byKey: map[string]*list.Element{}, order: list.New()}
}

// Get answers the value of a key, and whether it is still believed.
func (c *Cache[V]) Get(key string) (value V, known, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.byKey[key]
	if !ok {
		return value, false, false
	}
	c.order.MoveToFront(found)
	k := found.Value.(*kept[V])
	return k.value, true, c.lifetime == 0 || time.Now().Before(k.until)
}

// Put keeps a value, from now on.
func (c *Cache[V]) Put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &kept[V]{key: key, value: value, until: time.Now().Add(c.lifetime)}
	if found, ok := c.byKey[key]; ok {
		found.Value = k
		c.order.MoveToFront(found)
		return
	}
	c.byKey[key] = c.order.PushFront(k)
	if c.order.Len() > c.most {
		oldest := c.order.Remove(c.order.Back()).(*kept[V])
		delete(c.byKey, oldest.key)
	}
}

// Drop forgets a value.
func (c *Cache[V]) Drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.byKey[key]; ok {
		c.order.Remove(found)
		delete(c.byKey, key)
	}
}
