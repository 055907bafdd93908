package replica

import (
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/sync/message"
)

// Among many replicas somebody always speaks. So beacons come as often as before in
// the space, and not from each replica: the time between those of one replica
// grows with the number of peers heard. And what a beacon would only repeat is not
// said at all: whether a link came back, a burst ended or replicas differ, it is
// enough that somebody says the same (Trickle, RFC 6206).
const (
	// crowded is from how many peers on a replica speaks less often.
	crowded = 32
	// echoes is how many beacons with the own digest make the next one idle, if it
	// would come sooner than usual.
	echoes = 2
)

// isCrowded reports whether there are so many peers that one of them always speaks.
func (r *Replica) isCrowded() bool { return r.crowd > crowded }

// pace is the mean time between the beacons of this replica.
func (r *Replica) pace() time.Duration {
	return r.cfg.BeaconEvery * time.Duration(max(r.crowd, crowded)) / crowded
}

// silence is after which time a peer counts as away.
func (r *Replica) silence() time.Duration { return returnAfter * r.pace() }

// spread is a random delay of what a beacon makes many replicas do at once: so
// much longer than d as they are more.
func (r *Replica) spread(d time.Duration) time.Duration {
	return r.jitter(d * time.Duration(max(r.crowd, crowded)) / crowded)
}

// recount counts the peers that are there and speak of the same documents: only
// they say what this replica would.
func (r *Replica) recount() {
	n, silence, scopes := 0, r.silence(), r.turn(true)
	for _, p := range r.peers {
		if slices.ContainsFunc(scopes, func(scope string) bool {
			v := p.views[scope]
			return v != nil && r.now.Sub(v.heard) <= silence
		}) {
			n++
		}
	}
	r.crowd = n
}

// noteEcho counts beacons that say what the own next one would.
func (r *Replica) noteEcho(m *message.Beacon) {
	if r.echo.digest != m.Digest {
		r.echo.digest, r.echo.heard = m.Digest, 0
	}
	r.echo.heard++
}

// isEchoed reports whether a beacon would say what others have just said.
func (r *Replica) isEchoed() bool {
	return r.isCrowded() && r.echo.heard >= echoes && r.echo.digest == r.Digest()
}

// hush leaves a beacon out that comes sooner than usual and is idle, and plans the
// next one.
func (r *Replica) hush() bool {
	if r.now.Before(r.usualAt) || r.usualAt.IsZero() {
		if r.isEchoed() {
			r.greets, r.tailAt, r.beaconAt = false, zeroTime, r.usualAt
			if r.usualAt.IsZero() {
				r.planBeacon(r.pace())
			}
			return true
		}
	}
	return false
}

// comeBack is a return among many: others may have come back in the same moment,
// and somebody is about to speak anyway.
func (r *Replica) comeBack() {
	if len(r.unsent) > 0 {
		r.flushAt = r.now.Add(r.spread(r.cfg.BeaconEvery / returnShare))
	}
	r.greets, r.usualAt = true, zeroTime
	r.beaconAt = r.now.Add(r.jitter(r.pace() / urgentShare))
}

// returnShare is how much shorter than a beacon's time the wait is, among some
// dozens of peers, before what was written offline is sent.
const returnShare = 50

// hasGrown reports whether the next beacon was planned among far fewer peers, and
// plans it anew.
func (r *Replica) hasGrown() bool {
	pace := r.pace()
	if r.greets || r.differs || !r.tailAt.IsZero() || pace < 2*r.planned {
		return false
	}
	r.usualAt = r.now.Add(pace)
	r.planBeacon(pace)
	return true
}

// speakUp has the next beacon come soon, among many and when nobody writes, since
// others hold something else: only this replica may know what they lack.
func (r *Replica) speakUp() {
	soon := r.pace() / urgentShare
	if r.isCrowded() && r.urgent < maxUrgent && r.now.Sub(r.bustle) >= r.cfg.BeaconEvery/tailShare && r.beaconAt.After(r.now.Add(soon)) {
		r.beaconAt = r.now.Add(r.jitter(soon))
	}
}

// beaconIfDue sends a beacon, unless it is idle or the budget has nothing for it.
func (r *Replica) beaconIfDue() {
	r.budget.fill(r.now)
	switch {
	case r.hush(), r.hasGrown():
	case !r.budget.mayTalk():
		r.beaconAt, r.tailAt = r.budget.talkAt(), zeroTime
	default:
		r.beacon(r.greets)
	}
}

// planBeacon plans the next beacon after a time, more or less.
func (r *Replica) planBeacon(every time.Duration) {
	r.planned = r.pace()
	r.beaconAt = r.now.Add(every*3/4 + r.jitter(every/2))
	r.tailAt = zeroTime
}
