package graph

import (
	"math/rand/v2"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// withDefaults answers the retry options as the Azure SDK's retry policy reads
// them: three retries, 0.8 s at first, 60 s at most; negative means none, no
// delay, no bound.
func withDefaults(o policy.RetryOptions) policy.RetryOptions {
	setting(&o.MaxRetries, 3, 0)
	setting(&o.RetryDelay, 800*time.Millisecond, 0)
	setting(&o.MaxRetryDelay, 60*time.Second, 1<<62)
	return o
}

func setting[T int32 | time.Duration](value *T, zero, negative T) {
	switch {
	case *value == 0:
		*value = zero
	case *value < 0:
		*value = negative
	}
}

// backOff answers how long to wait after the try-th refusal in a row, from 1:
// double each time, with a jitter from 0.8 to 1.3, so that those refused
// together do not come back together.
func backOff(o policy.RetryOptions, try int) time.Duration {
	delay := o.RetryDelay
	for range min(try-1, 30) {
		if delay > o.MaxRetryDelay/2 {
			delay = o.MaxRetryDelay
			break
		}
		delay *= 2
	}
	delay = time.Duration(float64(delay) * (0.8 + rand.Float64()/2))
	return min(delay, o.MaxRetryDelay)
}
