package store

import (
	"fmt"
	"iter"
)

// Kind says what a [Change] does.
type Kind uint8

// The kinds of changes.
const (
	KindPut Kind = iota + 1
	KindDelete
	KindDeleteRange
)

// changeOverhead is what [Batch.Bytes] counts for a change beside its key and
// value, in bytes.
const changeOverhead = 16

// Change is one step of a [Batch].
type Change struct {
	Kind Kind
	// Key that is written or deleted, or the first of a range.
	Key []byte
	// Value of a put; the end of a range, exclusive, where empty means no bound.
	Value []byte
}

// Batch collects changes that [Store.Apply] makes at once. The zero value is
// empty and ready. It is for one goroutine at a time.
//
// A change that is out of bounds is left out and remembered: Apply then refuses
// the whole batch.
type Batch struct {
	data  []byte // keys and values, one after the other
	steps []step
	err   error
}

// step is a change whose key and value end at these offsets of the data.
type step struct {
	kind       Kind
	key, value int
}

// Put sets a key, copying both slices.
func (b *Batch) Put(key, value []byte) {
	switch {
	case !b.checkKey(key):
	case len(value) > MaxValue:
		b.refuse(fmt.Errorf("%w: a value of %d bytes, more than %d", ErrBounds, len(value), MaxValue))
	default:
		b.add(KindPut, key, value)
	}
}

// Delete removes a key, copying the slice. It is no error if there is none.
func (b *Batch) Delete(key []byte) {
	if b.checkKey(key) {
		b.add(KindDelete, key, nil)
	}
}

// DeleteRange removes all keys with from <= key < to, copying both slices. An
// empty to means no bound; a range that ends where it begins, or before, is
// empty.
func (b *Batch) DeleteRange(from, to []byte) {
	if len(from) > MaxKey || len(to) > MaxKey {
		b.refuse(fmt.Errorf("%w: a range between keys of %d and %d bytes, more than %d", ErrBounds, len(from), len(to), MaxKey))
		return
	}
	b.add(KindDeleteRange, from, to)
}

// Len returns the number of changes.
func (b *Batch) Len() int { return len(b.steps) }

// Bytes returns about how many bytes the changes take in a log: the length of keys
// and values, and a constant for each change.
func (b *Batch) Bytes() int { return len(b.data) + len(b.steps)*changeOverhead }

// Err returns [ErrBounds] with the reason if a change was out of bounds, or the
// batch is.
func (b *Batch) Err() error {
	if b.err == nil && b.Bytes() > MaxBatch {
		return fmt.Errorf("%w: a batch of %d bytes, more than %d", ErrBounds, b.Bytes(), MaxBatch)
	}
	return b.err
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.data, b.steps, b.err = b.data[:0], b.steps[:0], nil
}

// Changes yields the changes in their order. The slices belong to the batch and
// are valid until it is changed.
func (b *Batch) Changes() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		start := 0
		for _, s := range b.steps {
			c := Change{Kind: s.kind, Key: b.data[start:s.key:s.key], Value: b.data[s.key:s.value:s.value]}
			if !yield(c) {
				return
			}
			start = s.value
		}
	}
}

func (b *Batch) checkKey(key []byte) bool {
	if len(key) > 0 && len(key) <= MaxKey {
		return true
	}
	b.refuse(fmt.Errorf("%w: a key of %d bytes, not 1 to %d", ErrBounds, len(key), MaxKey))
	return false
}

func (b *Batch) refuse(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Batch) add(kind Kind, key, value []byte) {
	b.data = append(b.data, key...)
	end := len(b.data)
	b.data = append(b.data, value...)
	b.steps = append(b.steps, step{kind: kind, key: end, value: len(b.data)})
}
