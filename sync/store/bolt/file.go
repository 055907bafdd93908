package bolt

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	engine "go.etcd.io/bbolt"

	"github.com/joinery-crdt/joinery/sync/store/internal/gate"
)

// file is an open file of the engine's. Those who read it are inside its gate,
// so that a file that was replaced is closed when the last of them has left.
type file struct {
	db   *engine.DB
	os   *os.File
	gate gate.Gate
}

// close closes the file when nobody reads it any more.
func (f *file) close() error {
	f.gate.Close()
	return f.db.Close()
}

// errPanic says that the engine panicked, which is how it reports most damage.
var errPanic = errors.New("the tree does not hang together")

// guard runs what touches the mapped file. Damage makes the engine panic, and a
// file that is too short makes the processor fault: both become errors.
func guard(do func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return do()
}
