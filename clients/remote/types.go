package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Register holds a value of any type that msgpack can carry; see joinery.Register.
type Register struct {
	field
}

// Option qualifies one write.
type Option func(*protocol.Write)

// Over makes the write supersede exactly the siblings that were read, at whatever
// replica, and nothing else; see Context in joinery.Sibling, and ReadContext.
func Over(c joinery.Context) Option {
	return func(w *protocol.Write) { text := c.String(); w.Over = &text }
}

// TTL makes what is written expire, from d after the write on; see joinery.TTL.
func TTL(d time.Duration) Option {
	return func(w *protocol.Write) { w.TTLMS = millis(d) }
}

// millis rounds up, so that a short time is not for ever.
func millis(d time.Duration) int64 { return max(int64((d+time.Millisecond-1)/time.Millisecond), 1) }

// Set writes a value.
func (r Register) Set(ctx context.Context, value any, opts ...Option) error {
	return r.assign(ctx, value, opts)
}

func (f field) assign(ctx context.Context, value any, opts []Option) error {
	b, err := joinery.Encode(value)
	if err != nil {
		return err
	}
	w := protocol.Write{Value: protocol.EncodeRaw(b)}
	for _, o := range opts {
		o(&w)
	}
	return f.do(ctx, protocol.DoSet, w)
}

// Remove removes the values that the replica that answers has observed.
func (r Register) Remove(ctx context.Context, opts ...Option) error { return r.remove(ctx, opts) }

func (f field) remove(ctx context.Context, opts []Option) error {
	var w protocol.Write
	for _, o := range opts {
		o(&w)
	}
	return f.do(ctx, protocol.DoRemove, w)
}

// Cell is a place whose value Get can read: a Register or an Entry.
type Cell interface{ place() field }

func (f field) place() field { return f }

// Get returns the last-writer-wins value of a register or entry, false if there
// is none. A value of another type than T is joinery.ErrType; T may be any.
func Get[T any](ctx context.Context, c Cell) (value T, ok bool, err error) {
	line, ok, err := c.place().exactly(ctx, false)
	if !ok || line.Removed {
		return value, false, err
	}
	value, err = decodeValue[T](line.Value)
	return value, err == nil, err
}

func decodeValue[T any](text json.RawMessage) (value T, err error) {
	b, err := protocol.DecodeRaw(text)
	if err != nil {
		return value, fmt.Errorf("remote: answer is not understood: %w", err)
	}
	return joinery.Decode[T](b)
}

// Siblings returns all concurrent values at a place; the one that Get returns
// comes first.
func Siblings[T any](ctx context.Context, c Cell) (out []joinery.Sibling[T], err error) {
	line, _, err := c.place().exactly(ctx, true)
	for _, l := range line.Siblings {
		s, err := siblingOf[T](&l)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, err
}

func siblingOf[T any](l *protocol.Sibling) (s joinery.Sibling[T], err error) {
	s = joinery.Sibling[T]{Time: l.Time, Deleted: l.Deleted}
	if s.Replica, err = joinery.ParseID(l.Replica); err == nil {
		s.Context, err = joinery.ParseContext(l.Context)
	}
	if err != nil {
		return s, fmt.Errorf("remote: answer is not understood: %w", err)
	}
	if !l.Deleted {
		s.Value, err = decodeValue[T](l.Value)
	}
	return s, err
}

// ReadContext returns a context of all siblings at a place: a write Over it
// supersedes what a reader sees now, even if it is made elsewhere and later. Its
// text form can travel to a browser and back.
func ReadContext(ctx context.Context, c Cell) (joinery.Context, error) {
	line, _, err := c.place().exactly(ctx, true)
	if err != nil {
		return joinery.Context{}, err
	}
	text := ""
	for i, l := range line.Siblings {
		if i > 0 {
			text += ","
		}
		text += l.Context
	}
	return joinery.ParseContext(text)
}

// Counter adds up increments from everywhere, exactly once each.
type Counter struct {
	field
}

// Inc adds n, which may be negative. It counts once, however often it had to be
// asked for; see ErrUnknown.
func (c Counter) Inc(ctx context.Context, n int64) error {
	return c.do(ctx, protocol.DoInc, protocol.Write{By: n})
}

// Remove takes away the increments that the replica that answers has observed.
func (c Counter) Remove(ctx context.Context) error { return c.remove(ctx, nil) }

// Value returns the sum.
func (c Counter) Value(ctx context.Context) (int64, error) {
	line, ok, err := c.exactly(ctx, false)
	if !ok {
		return 0, err
	}
	return decodeValue[int64](line.Value)
}

// Flag is on or off; a concurrent Enable wins over a Disable.
type Flag struct {
	field
}

// DisableWinsFlag is a Flag in which a concurrent Disable wins.
type DisableWinsFlag struct {
	Flag
}

// Enable switches the flag on.
func (f Flag) Enable(ctx context.Context, opts ...Option) error {
	var w protocol.Write
	for _, o := range opts {
		o(&w)
	}
	return f.do(ctx, protocol.DoEnable, w)
}

// Disable switches the flag off.
func (f Flag) Disable(ctx context.Context) error {
	return f.do(ctx, protocol.DoDisable, protocol.Write{})
}

// Enabled reports whether the flag is on.
func (f Flag) Enabled(ctx context.Context) (bool, error) {
	_, ok, err := f.exactly(ctx, false)
	return ok, err
}

// LWWMap maps names to values, where a put and a deletion compete by time.
type LWWMap struct {
	field
}

// Entry returns a handle on one entry, to be read with Get and Siblings.
func (m LWWMap) Entry(key string) Entry {
	return Entry{field{m.target, m.kind, append(m.path[:len(m.path):len(m.path)], key)}}
}

// Put writes an entry.
func (m LWWMap) Put(ctx context.Context, key string, value any, opts ...Option) error {
	return m.Entry(key).Set(ctx, value, opts...)
}

// Delete deletes an entry. The deletion is recorded with its time.
func (m LWWMap) Delete(ctx context.Context, key string, opts ...Option) error {
	return m.Entry(key).Delete(ctx, opts...)
}

// Keys returns the keys of the entries, in byte order.
func (m LWWMap) Keys(ctx context.Context) (keys []string, err error) {
	q := protocol.Query{Field: protocol.JoinPath(m.path), Only: m.kind.String()}
	for line, err := range m.query(ctx, q) {
		if err != nil {
			return nil, err
		}
		if path := protocol.SplitPath(line.Field); len(path) == len(m.path)+1 {
			keys = append(keys, path[len(m.path)])
		}
	}
	return keys, nil
}

// Entry is one entry of an LWWMap.
type Entry struct {
	field
}

// Set writes the entry.
func (e Entry) Set(ctx context.Context, value any, opts ...Option) error {
	return e.assign(ctx, value, opts)
}

// Delete deletes the entry.
func (e Entry) Delete(ctx context.Context, opts ...Option) error { return e.remove(ctx, opts) }
