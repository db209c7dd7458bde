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
	payload         []byte // what the request carries, where it carries this
	attempts        atomic.Int32
}

// NewCall answers a context for one call, derived from ctx.
// payload is the body of its requests, nil where they have none; it must not
// change afterwards: a transport may read it after it has answered.
func NewCall(ctx context.Context, clientRequestID string, payload []byte) *Call {
	return &Call{Context: ctx, ClientRequestID: clientRequestID, payload: payload}
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

// callOf answers the call that ctx belongs to, nil for another's.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}
