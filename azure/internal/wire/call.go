package wire

import (
	"context"
	"sync/atomic"
)

// Call follows one call through the pipeline: how many requests it became. It
// is the context of that call.
type Call struct {
	context.Context
	ClientRequestID string
	attempts        atomic.Int32
}

// NewCall answers a context for one call, derived from ctx.
func NewCall(ctx context.Context, clientRequestID string) *Call {
	return &Call{Context: ctx, ClientRequestID: clientRequestID}
}

type callKey struct{}

// Value implements [context.Context].
func (c *Call) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// Attempts answers how many requests were given to the transport.
func (c *Call) Attempts() int { return int(c.attempts.Load()) }

func attempt(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		c.attempts.Add(1)
	}
}
