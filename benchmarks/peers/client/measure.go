package client

import (
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// measure answers what a call costs this process.
func measure(call func()) talk.Outcome {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	used, began := cpu(), time.Now()
	call()
	elapsed := time.Since(began)
	used = cpu() - used
	runtime.ReadMemStats(&after)
	return talk.Outcome{
		Elapsed: elapsed, CPU: used,
		Allocs: after.Mallocs - before.Mallocs, Bytes: after.TotalAlloc - before.TotalAlloc,
	}
}

// cpu answers the processor time that this process has used, its own and the
// system's for it.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// profile writes a CPU profile until stop is called.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}, nil
}
