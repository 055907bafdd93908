package replica

import (
	"bytes"
	"time"

	"github.com/joinery-crdt/joinery/sync/message"
)

// A budget bounds what a replica sends, in bytes a second. Broadcasts go first: they
// have three quarters of it, and what the rest does not use. One quarter is kept
// for requests, answers and beacons, so that none of them waits for ever.
// A message may leave while there is anything left, and what it takes too much is
// waited for afterwards, so a budget may be smaller than a message.
//
// What may not leave yet is not lost. Writes are not sealed and go on coalescing;
// units that a relay was to pass on are told of by a beacon if too many wait;
// requests and answers wait in a queue, in which a newer one replaces an older one
// to the same peer; what finds that queue full is asked for again by whoever needs it.
type budget struct {
	rate    int // bytes a second; 0: no limit
	main    float64
	reserve float64
	at      time.Time // to which both are filled
	held    []Outgoing
	bytes   int // held
}

func newBudget(rate int, now time.Time) budget {
	full := float64(rate) / reserved
	return budget{rate: rate, at: now, reserve: full, main: float64(rate) - full}
}

// reserved is the share of a budget that broadcasts do not get.
const reserved = 4

// fill lets the budget grow with time. Unused, it is worth one second.
func (b *budget) fill(now time.Time) {
	if b.rate == 0 || !now.After(b.at) {
		return
	}
	grown := now.Sub(b.at).Seconds() * float64(b.rate)
	full := float64(b.rate) / reserved
	b.at = now
	b.reserve += grown / reserved
	b.main += grown - grown/reserved
	if over := b.reserve - full; over > 0 {
		b.reserve -= over
		b.main += over
	}
	b.main = min(b.main, float64(b.rate)-full)
}

// mayBroadcast reports whether a broadcast may leave now, mayTalk whether anything
// else may.
func (b *budget) mayBroadcast() bool { return b.rate == 0 || b.main > 0 }
func (b *budget) mayTalk() bool      { return b.rate == 0 || b.reserve > 0 || b.main > 0 }

// spend notes that bytes have left.
func (b *budget) spend(n int, broadcast bool) {
	switch {
	case b.rate == 0:
	case broadcast || b.reserve <= 0:
		b.main -= float64(n)
	default:
		b.reserve -= float64(n)
	}
}

// broadcastAt returns when a broadcast may leave, talkAt when anything else may.
func (b *budget) broadcastAt() time.Time { return b.in(-b.main / (1 - 1.0/reserved)) }
func (b *budget) talkAt() time.Time {
	return b.in(min(-b.reserve*reserved, -b.main/(1-1.0/reserved)))
}

// in returns when so many bytes more have come in.
func (b *budget) in(bytes float64) time.Time {
	if b.rate == 0 || bytes < 0 {
		return b.at
	}
	return b.at.Add(time.Duration((bytes + 1) / float64(b.rate) * float64(time.Second)))
}

// hold queues a message that may not leave yet, and reports whether there was room.
func (b *budget) hold(o Outgoing, limit int) bool {
	for i := range b.held {
		h := &b.held[i]
		if h.Kind != o.Kind || h.To != o.To || h.Peer != o.Peer || h.Port != o.Port {
			continue
		}
		if o.Kind == message.KindPush || o.Kind == message.KindPull || bytes.Equal(h.Data, o.Data) {
			grown := b.bytes + len(o.Data) - len(h.Data)
			if grown <= limit {
				b.bytes, *h = grown, o
			}
			return true
		}
	}
	if b.bytes+len(o.Data) > limit {
		return false
	}
	b.held = append(b.held, o)
	b.bytes += len(o.Data)
	return true
}

// emit lets a message leave as soon as the budget has it.
func (r *Replica) emit(o Outgoing) {
	b := &r.budget
	b.fill(r.now)
	broadcast := o.Kind == message.KindDelta
	if talk := o.To == ToPeer || o.To == ToAny; talk && (len(b.held) > 0 || !b.mayTalk()) {
		r.stats.Held++
		if !b.hold(o, maxHeld*r.cfg.MaxMessage) {
			r.stats.Shed++
		}
		return
	}
	b.spend(len(o.Data), broadcast)
	r.leave(o)
}

// leave lets a message leave.
func (r *Replica) leave(o Outgoing) {
	r.stats.BytesOut += uint64(len(o.Data))
	r.out.Messages = append(r.out.Messages, o)
}

// maxHeld bounds the messages that wait for the budget, in messages of the
// greatest size.
const maxHeld = 8

// releaseHeld lets leave what the budget has by now.
func (r *Replica) releaseHeld() {
	b := &r.budget
	b.fill(r.now)
	n := 0
	for ; n < len(b.held) && b.mayTalk(); n++ {
		b.spend(len(b.held[n].Data), false)
		b.bytes -= len(b.held[n].Data)
		r.leave(b.held[n])
	}
	b.held = append(b.held[:0], b.held[n:]...)
}

// affordable reports whether the budget has something for a broadcast.
func (r *Replica) affordable() bool {
	r.budget.fill(r.now)
	return r.budget.mayBroadcast()
}

// isDear reports whether more of a document waits than the budget has. Nothing is
// said of it meanwhile that would make all of it final.
func (r *Replica) isDear(d *document) bool {
	return r.budget.rate > 0 && d.copy.Pending().Len() > 0 && !r.affordable()
}
