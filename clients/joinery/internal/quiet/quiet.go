// Package quiet is a log handler that lets what repeats through seldom: of one
// message at one level the first Burst in each Window, and then, with the first of
// a later Window, how many were left out. Alarms and drops that come a thousand times a
// second tell no more than once, and must not fill a disk.
//
// Messages are told apart by their text and level alone, not by their attributes.
// At most maxKnown of them are remembered; then all are forgotten, and may be
// said again.
package quiet

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Window and Burst are how often one message is let through.
const (
	Window = 10 * time.Second
	Burst  = 5
)

const maxKnown = 1024

// Handler passes records on to another one. It is safe for concurrent use.
type Handler struct {
	next   slog.Handler
	shared *shared
}

type shared struct {
	mu   sync.Mutex
	seen map[key]*count
}

type key struct {
	level slog.Level
	text  string
}

type count struct {
	since   time.Time
	said    int
	omitted int
}

// New returns a handler that passes on to next.
func New(next slog.Handler) *Handler {
	return &Handler{next, &shared{seen: make(map[key]*count)}}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(a []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(a), h.shared}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.shared}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	omitted, ok := h.shared.admit(key{r.Level, r.Message}, r.Time)
	if !ok {
		return nil
	}
	if omitted > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("omitted", omitted))
	}
	return h.next.Handle(ctx, r)
}

// admit reports whether a message may be said, and how many like it were not since
// the last one that was.
func (s *shared) admit(k key, now time.Time) (omitted int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.seen[k]
	if c == nil {
		if len(s.seen) >= maxKnown {
			clear(s.seen)
		}
		c = &count{since: now}
		s.seen[k] = c
	}
	if now.Sub(c.since) >= Window {
		c.since, c.said = now, 0
	}
	if c.said >= Burst {
		c.omitted++
		return 0, false
	}
	c.said++
	omitted, c.omitted = c.omitted, 0
	return omitted, true
}
