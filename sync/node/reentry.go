package node

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// reentry knows the goroutines that run a program's code under the node's
// lock. A call to the node from there would wait for itself for ever, so it is
// turned into a panic. It costs about a microsecond for each Guard and nothing
// for calls that find the lock free.
type reentry struct {
	count  atomic.Int32
	inside sync.Map // goroutine number to nothing
}

// Guard runs fn, which holds the lock, and notes in which goroutine.
func (n *Node) Guard(fn func()) {
	r := &n.reentry
	id := goroutine()
	r.inside.Store(id, nil)
	r.count.Add(1)
	defer func() {
		r.count.Add(-1)
		r.inside.Delete(id)
	}()
	fn()
}

// check panics if the caller is inside Guard.
func (r *reentry) check() {
	if r.count.Load() == 0 {
		return
	}
	if _, ok := r.inside.Load(goroutine()); ok {
		panic("joinery: the replica was used inside an Update or View of its own; use what is passed to the function")
	}
}

// goroutine returns the number of the running goroutine, which the runtime
// tells in stack traces alone.
func goroutine() uint64 {
	var b [32]byte
	text := bytes.TrimPrefix(b[:runtime.Stack(b[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(digits), 10, 64)
	return id
}
