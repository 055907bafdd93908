// Package hlc is a hybrid logical clock: timestamps that follow physical time,
// never go back on one replica and order an effect after its causes, as long
// as nobody's clock runs more than a bound ahead.
//
// Timestamps only order writes that are truly concurrent. Causality is kept by
// dots and contexts, so a broken clock can never lose an update, it can only
// win or lose a tie that it should not have. A remote timestamp beyond the bound is merged like any other, but the
// clock does not follow it.
//
// Source: Kulkarni et al., "Logical Physical Clocks" (OPODIS 2014).
package hlc

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Time is a timestamp: 48 bits of milliseconds since 1970, then 16 bits of a
// counter. Times compare as integers. A counter that overflows carries into
// the milliseconds.
type Time uint64

// MaxTime is the largest timestamp that a clock gives out; one may be written
// explicitly up to it.
const MaxTime = Time(1<<63 - 1)

// At returns the timestamp of a moment with counter 0. Moments before 1970 are 0.
func At(t time.Time) Time { return fromMillis(t.UnixMilli()) }

func fromMillis(ms int64) Time {
	return Time(min(max(ms, 0), int64(MaxTime>>16))) << 16
}

// Millis returns the physical part in milliseconds since 1970.
func (t Time) Millis() int64 { return int64(t >> 16) }

// Counter returns the logical part.
func (t Time) Counter() uint16 { return uint16(t) }

// Time returns the physical part as a moment in UTC.
func (t Time) Time() time.Time { return time.UnixMilli(t.Millis()).UTC() }

// String returns the moment in RFC 3339 with milliseconds, then "+" and the counter.
func (t Time) String() string {
	return fmt.Sprintf("%s+%d", t.Time().Format("2006-01-02T15:04:05.000Z07:00"), t.Counter())
}

// Source reads a physical clock.
type Source func() time.Time

// DefaultMaxDrift is how far ahead of the physical clock a remote timestamp is
// still followed.
const DefaultMaxDrift = time.Minute

// maxAhead keeps a distance in milliseconds within a time.Duration.
const maxAhead = int64(1<<63-1) / int64(time.Millisecond)

// Clock mints timestamps. It is not safe for concurrent use, but for Reach, and
// must not be copied but by Clone. The zero value reads time.Now and allows
// DefaultMaxDrift.
type Clock struct {
	// Source is the physical clock; nil means time.Now.
	Source Source
	// MaxDrift bounds how far a remote timestamp may pull this clock ahead of
	// its physical source; 0 means DefaultMaxDrift.
	MaxDrift time.Duration

	last    Time
	read    Time          // the last reading of the physical clock
	reached atomic.Uint64 // the greatest Time that Reach returned
}

// Clone returns a clock that goes on from the same time and reads the same source.
func (c *Clock) Clone() *Clock {
	out := &Clock{Source: c.Source, MaxDrift: c.MaxDrift, last: c.last, read: c.read}
	out.reached.Store(c.reached.Load())
	return out
}

// Now returns a timestamp greater than every earlier one of this clock and
// than every one that Observe accepted.
func (c *Clock) Now() Time {
	c.last = max(c.last+1, c.physical())
	return c.last
}

// Observe lets the clock follow a remote timestamp. It returns how far that
// one is ahead of the physical clock if this is beyond MaxDrift, in which case
// the clock stays where it is; otherwise 0.
func (c *Clock) Observe(remote Time) time.Duration {
	if remote <= c.last {
		return 0
	}
	if remote <= c.read { // not ahead: no need to read the clock again
		c.last = remote
		return 0
	}
	limit := c.MaxDrift
	if limit == 0 {
		limit = DefaultMaxDrift
	}
	if ahead := remote.Millis() - c.physical().Millis(); ahead > limit.Milliseconds() {
		return time.Duration(min(ahead, maxAhead)) * time.Millisecond
	}
	c.last = remote
	return 0
}

// Reach returns how far time has come here, for readers who hide what has
// expired: the physical clock, or the high-water mark if that is ahead. It never
// goes back, so that what was hidden does not show again while a clock is stepped
// or frozen. Any number of goroutines may call it while nothing else is called.
func (c *Clock) Reach() Time {
	now := c.last
	if c.Source == nil {
		now = max(now, At(time.Now()))
	} else {
		now = max(now, At(c.Source()))
	}
	for {
		reached := Time(c.reached.Load())
		if now <= reached {
			return reached
		}
		if c.reached.CompareAndSwap(uint64(reached), uint64(now)) {
			return now
		}
	}
}

// Last returns the high-water mark: the greatest timestamp given out or followed.
func (c *Clock) Last() Time { return c.last }

// Restore raises the high-water mark to what was stored, so that a device that
// boots in 1970 goes on stamping forward.
func (c *Clock) Restore(mark Time) { c.last = max(c.last, mark) }

func (c *Clock) physical() Time {
	if c.Source == nil {
		c.read = At(time.Now())
	} else {
		c.read = At(c.Source())
	}
	return c.read
}
