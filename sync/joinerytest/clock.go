package joinerytest

import (
	"sync"
	"time"
)

// start is what all clocks show at first.
var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Clock is the physical clock of one replica. It stands still unless it is
// turned. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns what the clock shows: 2025-01-01 00:00 UTC at first.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance turns the clock on, or back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set sets the clock, for instance to 1970, where devices boot.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}
