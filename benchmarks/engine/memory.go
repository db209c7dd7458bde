package main

import (
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memory is what a process took, in bytes.
type memory struct {
	HeapPeak uint64 // the most that objects took, garbage not yet collected with it
	HeapKept uint64 // what was still in use at the end, after a collection
	RSSPeak  uint64 // the most that the system counted for the process; zero: not known
}

// memoryWatch looks at the heap until it is ended.
type memoryWatch struct {
	stop    chan struct{}
	running sync.WaitGroup
	most    uint64
}

func watchMemory() *memoryWatch {
	w := &memoryWatch{stop: make(chan struct{})}
	w.running.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		t := time.NewTicker(5 * time.Millisecond)
		defer t.Stop()
		for {
			metrics.Read(sample)
			w.most = max(w.most, sample[0].Value.Uint64())
			select {
			case <-t.C:
			case <-w.stop:
				return
			}
		}
	})
	return w
}

func (w *memoryWatch) end() memory {
	close(w.stop)
	w.running.Wait()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	text, _ := os.ReadFile("/proc/self/status") // Linux has it
	return memory{HeapPeak: w.most, HeapKept: m.HeapAlloc, RSSPeak: rssPeak(string(text))}
}

// rssPeak reads VmHWM of proc_pid_status(5).
func rssPeak(status string) uint64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}
