package pebble

import (
	"sync/atomic"
	"time"

	engine "github.com/cockroachdb/pebble/v2"
)

// compactionPause is how long compaction rests after it has failed.
const compactionPause = 10 * time.Second

// pace lets compaction rest after a failure. Pebble tries again at once, which
// with a damaged table on the top level keeps a core busy for ever.
type pace struct {
	engine.CompactionScheduler
	until atomic.Int64 // Unix nanoseconds
}

// newPace builds on the scheduler that Pebble lets others have. It differs from
// the one that Pebble makes for itself in that it does not look again ten times a
// second whether it may do more: a flush or the end of a compaction has to come.
func newPace() *pace {
	return &pace{CompactionScheduler: engine.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()}
}

// rest is called when a compaction has failed.
func (p *pace) rest() { p.until.Store(time.Now().Add(compactionPause).UnixNano()) }

// Register implements engine.CompactionScheduler.
func (p *pace) Register(goroutines int, db engine.DBForCompaction) {
	p.CompactionScheduler.Register(goroutines, &paced{db, p})
}

// paced is a DB that allows no compaction while it rests.
type paced struct {
	engine.DBForCompaction
	pace *pace
}

// GetAllowedWithoutPermission implements engine.DBForCompaction.
func (p *paced) GetAllowedWithoutPermission() int {
	if time.Now().UnixNano() < p.pace.until.Load() {
		return 0
	}
	return p.DBForCompaction.GetAllowedWithoutPermission()
}
