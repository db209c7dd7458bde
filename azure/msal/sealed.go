package msal

// sealed keeps a value out of sight of fmt, and of whatever else prints by
// reflection. Format and String are not asked for an unexported field of
// somebody's struct, and with a verb such as %s fmt even follows pointers from
// there; it does not look into a function.
type sealed[T any] func() T

func seal[T any](v T) sealed[T] { return func() T { return v } }
