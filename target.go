package joinery

import (
	"context"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// target is where the handles of a document read and write.
type target struct {
	replica *Replica
	doc     string
	level   Level        // of writes
	tx      *transaction // inside an Update or View
}

// transaction is an Update or View under way. It runs under the replica's lock.
type transaction struct {
	doc      *crdt.Document
	readOnly bool
	ended    bool
}

func (x *transaction) end() { x.ended = true }

// open returns the document, which is locked for whoever is inside.
func (x *transaction) open() *crdt.Document {
	if x.ended {
		panic("joinery: Tx used after its Update or View has ended")
	}
	return x.doc
}

// write runs fn on the document. If fn looks at a few places alone, they may be
// given: the rest of a document that is being loaded is then not waited for.
func (t target) write(ctx context.Context, fn func(*crdt.Document) error, places ...uint64) error {
	needs(ctx)
	if t.tx == nil {
		return t.unwritten(t.replica.node.WriteAt(ctx, t.level, t.doc, fn, places...))
	}
	d := t.tx.open()
	if t.tx.readOnly {
		panic("joinery: write inside a View; use Update")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(d)
}

// read calls fn with the document if there is one. See write for the places.
func (t target) read(fn func(*crdt.Document), places ...uint64) {
	if t.tx != nil {
		fn(t.tx.open())
		return
	}
	t.replica.node.Read(t.doc, func(d *crdt.Document) {
		if d != nil {
			fn(d)
		}
	}, places...)
}

// at returns the hashes of places for write and read. Once all is loaded nobody
// asks for them.
func (t target) at(path []kernel.Component, tag kernel.Tag, keys ...string) []uint64 {
	if t.tx != nil || t.replica.node.Warm() {
		return nil
	}
	places := make([]uint64, len(keys), len(keys)+1)
	for i, key := range keys {
		places[i] = kernel.PlaceHash(path, tag, key)
	}
	return append(places, kernel.PlaceHash(nil, crdt.TagLapse, "")) // whether any of it is there still
}

// put writes a payload below a path, within the replica's limits.
func (t target) put(d *crdt.Document, path []kernel.Component, at kernel.Component, do func(kernel.Ref) error) error {
	if err := t.replica.limits.place(path, at.Name); err != nil {
		return err
	}
	in, err := d.Ensure(path)
	if err != nil {
		return err
	}
	fresh := 0
	if s := d.State(); s.Dots() >= t.replica.limits.fields && !s.Has(in, at.Tag, at.Name) {
		fresh = 1
	}
	if err := t.replica.limits.document(d, fresh); err != nil {
		return err
	}
	return do(in)
}

// encode encodes a value for a write.
func (t target) encode(v any) (string, error) {
	b, err := t.bounded(v)
	return b, t.unwritten(err)
}

// bounded encodes a value within the replica's limit.
func (t target) bounded(v any) (string, error) {
	b, err := encode(v)
	if err == nil {
		err = t.replica.limits.checkValue(b)
	}
	return b, err
}
