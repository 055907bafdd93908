package joinery

import (
	"context"

	"github.com/joinery-crdt/joinery/sync/consistency"
)

// Level says how many owners of a document have to answer before a write or a
// [Doc.Refresh] returns. The owners are the members of the space, see
// [Config.Membership]; those behind bad links and those that only read or only write
// do not count. Levels are comparable; the zero Level is Local.
type Level = consistency.Level

// The levels.
var (
	// Local waits for nobody else: writes succeed on any replica, cut off or not.
	Local = consistency.Local
	// One, Two and Three wait for as many owners, this replica among them if it is one.
	One, Two, Three = consistency.One, consistency.Two, consistency.Three
	// Quorum waits for more than half of the owners.
	Quorum = consistency.Quorum
	// All waits for all owners.
	All = consistency.All
	// LocalQuorum waits for more than half of the owners at this replica's site.
	LocalQuorum = consistency.LocalQuorum
	// EachQuorum waits for more than half of the owners at each site.
	EachQuorum = consistency.EachQuorum
)

// AtLeast returns the level that waits for n owners.
func AtLeast(n int) Level { return consistency.Count(n) }

// ParseLevel reads a level: local, one, two, three, a number, quorum, all,
// local-quorum or each-quorum.
func ParseLevel(s string) (Level, error) { return consistency.ParseLevel(s) }

// LevelError says how far a write or Refresh came whose level was not reached
// before its context ended: how many owners were wanted, who answered, who did
// not. A write stands nevertheless, and spreads; errors.Is finds ErrLevel and the
// context's error.
type LevelError = consistency.Error

// At returns a handle on the same document whose writes return when as many
// owners as level says hold them, as durably as the space asks. Reads through it are
// the replica's own, as ever; see [Doc.Refresh].
func (d *Doc) At(level Level) *Doc {
	out := *d
	out.level = level
	return &out
}

// Agreement says what a Refresh found.
type Agreement struct {
	// Answered is how many owners answered, this replica among them if it is one.
	// 0: the level asks for nobody else.
	Answered int
	// Agreed is how many of them held already just what this replica holds now.
	Agreed int
}

// RefreshOption changes how Refresh works.
type RefreshOption func(*refresh)

type refresh struct{ repair bool }

// AwaitRepair makes Refresh return when the owners that were behind have caught
// up, too. Without it they are told to, and not waited for.
func AwaitRepair() RefreshOption { return func(r *refresh) { r.repair = true } }

// Refresh is a read at a level: it merges what as many owners hold as level says
// into this replica's copy, so that reads that follow see at least what those
// owners had when they were asked, and repairs those that were behind. If R owners are
// asked and every write was at a level of W with R + W more than there are owners,
// the reads see every such write that had returned before.
//
// If too few answer before ctx ends the error is a *LevelError; what did
// arrive is merged.
func (d *Doc) Refresh(ctx context.Context, level Level, opts ...RefreshOption) (Agreement, error) {
	var o refresh
	for _, set := range opts {
		set(&o)
	}
	got, err := d.replica.node.Consult(ctx, level, d.doc, o.repair)
	return Agreement{got.Answered, got.Agreed}, d.wrap(err)
}
