package joinery

import (
	"context"
	"fmt"
	"iter"
	"reflect"
)

// WatchConflicts yields the places with concurrent values in the documents that
// match a pattern: first those that there are, then each that comes up or whose
// values change, until ctx ends or the loop is left. It is a [Replica.Watch] that
// looks at conflicts alone, and ends as one.
func (r *Replica) WatchConflicts(ctx context.Context, pattern string) iter.Seq2[Conflict, error] {
	changes, w := r.watch(ctx, pattern, watchConfig{})
	return func(yield func(Conflict, error) bool) {
		for ev, err := range changes {
			if err != nil {
				yield(Conflict{}, err)
				return
			}
			if ev.Siblings < 2 {
				continue
			}
			c, err := r.conflict(ev.Doc, w.at)
			if len(c.Siblings) < 2 && err == nil {
				continue // settled meanwhile
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// Resolver decides what becomes of a conflict. It is called at each replica that
// resolves, so it should decide the same from the same siblings; it need not look
// at their order.
type Resolver func(c Conflict) (Resolution, error)

// Resolution is what a Resolver decides. The zero Resolution keeps the siblings.
type Resolution struct {
	value  any
	settle bool
	remove bool
}

// KeepSiblings leaves the conflict to somebody else.
func KeepSiblings() Resolution { return Resolution{} }

// SettleWith puts a value in place of all siblings.
func SettleWith(value any) Resolution { return Resolution{value: value, settle: true} }

// SettleByRemoval removes all siblings.
func SettleByRemoval() Resolution { return Resolution{settle: true, remove: true} }

// LatestWins is the Resolver that keeps what Get returns.
func LatestWins(c Conflict) (Resolution, error) {
	if c.Siblings[0].Deleted {
		return SettleByRemoval(), nil
	}
	return SettleWith(c.Siblings[0].Value), nil
}

// ResolveConflicts settles the conflicts in the documents that match a pattern,
// those that there are and those that come up, until ctx ends, and returns the
// first error: of the pattern, of the Resolver, of a write. Each is settled by an
// ordinary write that supersedes the siblings which the Resolver was shown and no
// others.
//
// Two replicas that settle the same conflict at once bring up another, of what
// they decided. If that is the same at both it is none that anybody has to look
// at: siblings that are all equal are not given to the Resolver, and the next
// write there replaces them.
func (r *Replica) ResolveConflicts(ctx context.Context, pattern string, resolve Resolver) error {
	for c, err := range r.WatchConflicts(ctx, pattern) {
		if err == nil && !c.isUnanimous() {
			err = r.settleConflict(ctx, &c, resolve)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *Replica) settleConflict(ctx context.Context, c *Conflict, resolve Resolver) error {
	decided, err := resolve(*c)
	if err != nil {
		return fmt.Errorf("joinery: document %q: resolving %q: %w", c.Doc, c.Path, err)
	}
	cell := Entry{field{r.Doc(c.Doc).target, c.at.path, c.at.tag, c.at.key}}
	switch {
	case !decided.settle:
		return nil
	case decided.remove && c.Kind == KindEntry:
		return cell.Delete(ctx, Over(c.Context))
	case decided.remove:
		return Register(cell).Remove(ctx, Over(c.Context))
	}
	return cell.Set(ctx, decided.value, Over(c.Context))
}

// isUnanimous reports whether all siblings say the same.
func (c *Conflict) isUnanimous() bool {
	for _, s := range c.Siblings[1:] {
		if s.Deleted != c.Siblings[0].Deleted || !reflect.DeepEqual(s.Value, c.Siblings[0].Value) {
			return false
		}
	}
	return true
}
