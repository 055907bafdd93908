package history

import (
	"math/bits"
	"slices"
	"time"
)

// Func says what an operation does.
type Func string

// The functions.
const (
	Add  Func = "add"
	Read Func = "read"
)

// Outcome is what became of an operation.
type Outcome string

// The outcomes.
const (
	OK   Outcome = "ok"   // it happened
	Fail Outcome = "fail" // it did not happen
	Info Outcome = "info" // it may have happened
)

// Op is one operation of a client on one node.
type Op struct {
	Node        int     `json:"node"`
	Incarnation int     `json:"incarnation"` // of the node's process, from 0
	Func        Func    `json:"f"`
	Value       int64   `json:"value,omitempty"` // of an add: the element or the delta
	Final       bool    `json:"final,omitempty"` // a read after all is quiet
	Outcome     Outcome `json:"outcome"`
	// Invoked and Completed bound the time at which it took effect.
	Invoked   time.Duration `json:"invoked"`
	Completed time.Duration `json:"completed"`
	Error     string        `json:"error,omitempty"`

	Seen Elements `json:"-"`             // of a read of a set
	Sum  int64    `json:"sum,omitempty"` // of a read of a counter
}

// MaxElement bounds the elements of a set, which count from 0.
const MaxElement = 1 << 20

// Elements is what a read of a set returned.
type Elements struct {
	words    []uint64
	Repeated []int64 // returned more than once
	Strange  []int64 // outside 0 to MaxElement
}

// ElementsOf returns the elements of a list.
func ElementsOf(list ...int64) (e Elements) {
	for _, v := range list {
		e.Put(v)
	}
	return e
}

// Put adds an element, or notes that it is there already or cannot be.
func (e *Elements) Put(v int64) {
	if v < 0 || v >= MaxElement {
		e.Strange = append(e.Strange, v)
		return
	}
	if e.Has(v) {
		e.Repeated = append(e.Repeated, v)
		return
	}
	for int(v/64) >= len(e.words) {
		e.words = append(e.words, 0)
	}
	e.words[v/64] |= 1 << (v % 64)
}

// Has reports whether an element is there.
func (e *Elements) Has(v int64) bool {
	return v >= 0 && v/64 < int64(len(e.words)) && e.words[v/64]&(1<<(v%64)) != 0
}

// Each calls fn with every element, in ascending order.
func (e *Elements) Each(fn func(v int64)) {
	for i, w := range e.words {
		for ; w != 0; w &= w - 1 {
			fn(int64(i)*64 + int64(bits.TrailingZeros64(w)))
		}
	}
}

// Join adds the elements of another.
func (e *Elements) Join(other *Elements) {
	for len(e.words) < len(other.words) {
		e.words = append(e.words, 0)
	}
	for i, w := range other.words {
		e.words[i] |= w
	}
}

// Missing returns the elements that another lacks, in ascending order.
func (e *Elements) Missing(other *Elements) (missing []int64) {
	rest := Elements{words: slices.Clone(e.words)}
	for i := range min(len(rest.words), len(other.words)) {
		rest.words[i] &^= other.words[i]
	}
	rest.Each(func(v int64) { missing = append(missing, v) })
	return missing
}
