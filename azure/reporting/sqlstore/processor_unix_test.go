//go:build unix

package sqlstore_test

import (
	"syscall"
	"time"
)

// processor is what this process has used of the processor.
func processor() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
