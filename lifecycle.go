package joinery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Exists reports whether anything lives in the document, the records of
// deletions and removals among them that [Doc.Delete] mentions.
func (d *Doc) Exists() bool {
	found := false
	d.read(func(c *crdt.Document) { found = !c.IsEmpty() })
	return found
}

// Delete removes all that this replica has observed in the document. What
// others write concurrently stays. Deletions in LWW maps, removals in remove-wins
// sets and disabled disable-wins flags stay recorded.
//
// A document of the same name may be made again at once, by any write. It is
// one with what was concurrent to the deletion, and not with what was deleted:
// a replica that comes back after years with the old document loses that, and
// nothing that was written since.
func (d *Doc) Delete(ctx context.Context) error {
	return d.write(ctx, func(c *crdt.Document) error { return c.RemoveBelow(kernel.Root) })
}

// Copy writes what is in the document now into another one of this space, as
// writes of this replica: the values, concurrent ones beside each other, counters
// as one increment of their sum, each with the time that is left to it, but no history, no origins and no records of
// deletions, and not the time that an Expire gave the document. The two have nothing to do with each other from then on.
//
// The copy is one atomic group. If it takes more than the 512 KiB of a group it
// is several, one after the other; an error between two of them leaves those
// that are written, and is [WrittenInPart]. Nothing is written and the error is ErrExists if this
// replica sees anything in the other document that a Delete would remove,
// ErrTooLarge if a value or the number of fields is above this replica's limits,
// and ErrType if there are fields of a kind that a newer release made.
func (d *Doc) Copy(ctx context.Context, to string) error {
	target := d.replica.Doc(to).target
	from, err := d.observed()
	if err != nil {
		return target.unwritten(err)
	}
	if err := target.checkCopies(from); err != nil {
		return target.unwritten(err)
	}
	group, rest := nextGroup(from)
	err = target.paste(ctx, group, vacant)
	for len(rest) > 0 && err == nil {
		group, rest = nextGroup(rest)
		err = inPart(target.paste(ctx, group, func(*crdt.Document) error { return nil }))
	}
	return err
}

// inPart says of an error that something was written before.
func inPart(err error) error {
	if e := (*WriteError)(nil); errors.As(err, &e) && e.Fate == NothingWritten {
		e.Fate = WrittenInPart
	}
	return err
}

// copied is one write that makes a part of a copy.
type copied struct {
	spot
	value   string
	expiry  hlc.Time
	number  int64 // a counter's
	mark    bool
	sibling bool // of the one before it
}

// observed returns the writes that make a copy, in the order of paths.
func (d *Doc) observed() (out []copied, err error) {
	d.read(func(c *crdt.Document) {
		visit(c, kernel.Root, nil, func(in kernel.Ref, at spot) {
			if kinds[at.tag] == KindUnknown {
				err = fmt.Errorf("%w: field %.40q is of a kind that a newer release made; copy it with that", ErrType, at.key)
				return
			}
			if r := look(c, in, at); r.exists {
				out = append(out, copiesOf(c, in, &r)...)
			}
		})
	})
	slices.SortStableFunc(out, func(a, b copied) int { return a.compare(b.spot) })
	return out, err
}

// copiesOf returns the writes that copy a place. Of siblings the one that shows
// comes last, so that it shows again.
func copiesOf(c *crdt.Document, in kernel.Ref, r *reading) (out []copied) {
	switch kinds[r.tag] {
	case KindElement, KindRemoveWins:
		return []copied{{spot: r.spot, expiry: r.expiry}}
	case KindCounter:
		return []copied{{spot: r.spot, number: r.number}}
	case KindFlag, KindDisableWinsFlag:
		return []copied{{spot: r.spot, mark: !r.on, expiry: r.expiry}}
	}
	for _, l := range slices.Backward(c.Siblings(in, r.tag, r.key)) {
		if !l.Marked {
			out = append(out, copied{spot: r.spot, value: l.Value, expiry: l.Expiry, sibling: len(out) > 0})
		}
	}
	return out
}

// copyCost is what a write takes in a group besides its name and value, with two
// records of deletions that it replaces.
const copyCost = 64

// nextGroup takes as many writes as fit in a group.
func nextGroup(all []copied) (group, rest []copied) {
	size := 0
	for i := range all {
		if size += copyCost + len(all[i].key) + len(all[i].value); size > crdt.MaxGroup {
			return all[:i], all[i:]
		}
	}
	return all, nil
}

// checkCopies refuses at once what would be refused in the midst of it.
func (t target) checkCopies(all []copied) error {
	if limit := t.replica.limits.fields; len(all) > limit {
		return fmt.Errorf("%w: the copy would have %d fields, the limit is %d (Config.MaxFields)", ErrTooLarge, len(all), limit)
	}
	for i := range all {
		if err := t.replica.limits.checkValue(all[i].value); err != nil {
			return fmt.Errorf("%w, at %.40q", err, all[i].key)
		}
	}
	return nil
}

// vacant refuses a document in which anything can be seen but what a Delete leaves.
func vacant(c *crdt.Document) (err error) {
	visit(c, kernel.Root, nil, func(in kernel.Ref, at spot) {
		isOff := at.tag == crdt.TagDWFlag && !c.Present(in, at.tag, at.key)
		if r := look(c, in, at); r.exists && !isOff {
			err = ErrExists
		}
	})
	return err
}

// paste makes the writes of one group, unless check refuses.
func (t target) paste(ctx context.Context, group []copied, check func(*crdt.Document) error) error {
	return t.write(ctx, func(c *crdt.Document) error {
		if err := check(c); err != nil {
			return err
		}
		return c.Update(func() error {
			for i := range group {
				if err := t.pasteOne(c, &group[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (t target) pasteOne(c *crdt.Document, w *copied) error {
	return t.put(c, w.path, kernel.Component{Tag: w.tag, Name: w.key}, func(in kernel.Ref) error {
		if w.tag == crdt.TagCounter {
			return c.Increment(in, w.key, w.number)
		}
		return c.Assign(in, w.tag, w.key, w.value, w.mark, crdt.Options{Expiry: w.expiry, HasOver: w.sibling})
	})
}
