package joinery

import (
	"context"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Counter adds up increments from everywhere, exactly once each.
type Counter struct {
	field
}

// Inc adds n, which may be negative.
func (c Counter) Inc(ctx context.Context, n int64) error {
	return c.write(ctx, func(d *crdt.Document) error {
		return c.put(d, c.path, c.component(), func(in kernel.Ref) error { return d.Increment(in, c.name, n) })
	}, c.at(c.path, c.tag, c.name)...)
}

// Remove takes away the increments that this replica has observed, and no
// others: a concurrent increment stays and counts alone.
func (c Counter) Remove(ctx context.Context) error { return c.remove(ctx, nil) }

// Value returns the sum. Beyond 64 bits it is the nearest value that fits.
func (c Counter) Value() (n int64) {
	c.look(func(d *crdt.Document, in kernel.Ref) { n, _ = d.Sum(in, c.name) })
	return n
}

// Flag is on or off; a concurrent Enable wins over a Disable.
type Flag struct {
	field
}

// Enable switches the flag on.
func (f Flag) Enable(ctx context.Context, opts ...Option) error {
	return f.assign(ctx, "", false, opts)
}

// Disable switches the flag off, as far as this replica has observed it on.
func (f Flag) Disable(ctx context.Context) error { return f.remove(ctx, nil) }

// Enabled reports whether the flag is on.
func (f Flag) Enabled() bool { return f.present() }

// DisableWinsFlag is on or off; a concurrent Disable wins over an Enable.
type DisableWinsFlag struct {
	field
}

// Enable switches the flag on, over all disabling that this replica has observed.
func (f DisableWinsFlag) Enable(ctx context.Context, opts ...Option) error {
	return f.assign(ctx, "", false, opts)
}

// Disable switches the flag off.
func (f DisableWinsFlag) Disable(ctx context.Context) error { return f.assign(ctx, "", true, nil) }

// Enabled reports whether the flag is on.
func (f DisableWinsFlag) Enabled() bool { return f.present() }

func (f field) present() (ok bool) {
	f.look(func(d *crdt.Document, in kernel.Ref) { ok = d.Present(in, f.tag, f.name) })
	return ok
}
