package journal

import (
	"bytes"
	"errors"
	"iter"

	"github.com/joinery-crdt/joinery/sync/store"
)

// each is Scan that goes on behind an entry that cannot be read, which it yields
// with its key and the error. An error without a key ends it: it is no damage, or
// the store cannot say what lies behind it.
func each(r store.Reader, from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for next := from; next != nil; {
			from, next = next, nil
			var last []byte
			for e, err := range r.Scan(from, to) {
				if err == nil {
					last = append(last[:0], e.Key...)
					if !yield(e, nil) {
						return
					}
					continue
				}
				if !errors.Is(err, store.ErrCorrupt) || len(e.Key) == 0 || bytes.Compare(e.Key, from) < 0 {
					yield(store.Entry{}, err)
					return
				}
				key := bytes.Clone(e.Key)
				if !bytes.Equal(key, last) && !yield(store.Entry{Key: key}, err) {
					return
				}
				next = after(key)
			}
		}
	}
}

// after returns the key that follows a key.
func after(key []byte) []byte { return append(key[:len(key):len(key)], 0) }

// numbers yields the numbers of the documents that have entries of a kind, in
// order. It skips from one to the next, whatever lies between them. A key without
// a number comes as an error, behind which it goes on.
func numbers(r store.Reader, kind byte) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for from := []byte{kind}; from != nil; {
			key, err := first(r, from, []byte{kind + 1})
			switch {
			case err != nil:
				yield(0, err)
				return
			case key == nil:
				return
			case len(key) < 9:
				if !yield(0, corrupt(key, "no key of a journal")) {
					return
				}
				from = after(key)
				continue
			}
			num := numberOf(key)
			if !yield(num, nil) || num+1 == 0 {
				return
			}
			from = numbered(kind, num+1)
		}
	}
}

// first returns the first key of a range, readable or not, or nil.
func first(r store.Reader, from, to []byte) ([]byte, error) {
	for e, err := range each(r, from, to) {
		if len(e.Key) == 0 {
			return nil, err
		}
		return bytes.Clone(e.Key), nil
	}
	return nil, nil
}
