package trace

import "context"

type causeKey struct{}

// WithCause returns a context for what is done because of event id: a connection that is
// dialed with it is caused by that event.
func WithCause(ctx context.Context, id ID) context.Context {
	if id == 0 {
		return ctx
	}
	return context.WithValue(ctx, causeKey{}, id)
}

// Cause returns the event that ctx was given by [WithCause], 0 if none.
func Cause(ctx context.Context) ID {
	id, _ := ctx.Value(causeKey{}).(ID)
	return id
}

// Endpoint is what a connection has besides if its user can follow causes through it.
// Those of the stack do.
type Endpoint interface {
	// Heard returns the event that led to what was read last: a packet received, in most
	// cases. It is 0 if nothing was, or nobody listens.
	Heard() ID
	// Because makes id the cause of what is written from now on, until something is read.
	Because(id ID)
}
