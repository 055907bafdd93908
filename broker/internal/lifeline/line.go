// Package lifeline ends waits when the link that they wait on breaks.
package lifeline

import (
	"context"
	"sync"
)

// Line stands for a link. The zero value is a link that has not broken yet.
type Line struct {
	mu     sync.Mutex
	broken context.Context // done when the present link breaks; made when needed
	end    context.CancelCauseFunc
}

// Bind returns a context that ends with ctx or when the link next breaks. The
// caller calls release when the wait is over.
func (l *Line) Bind(ctx context.Context) (bound context.Context, release func()) {
	bound, cancel := context.WithCancelCause(ctx)
	broken := l.present()
	stop := context.AfterFunc(broken, func() { cancel(context.Cause(broken)) })
	return bound, func() {
		stop()
		cancel(nil)
	}
}

// Break ends all waits with a cause, to be found with [context.Cause]. Later
// waits are not affected.
func (l *Line) Break(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		l.end(cause)
		l.broken, l.end = nil, nil
	}
}

func (l *Line) present() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken, l.end = context.WithCancelCause(context.Background())
	}
	return l.broken
}
