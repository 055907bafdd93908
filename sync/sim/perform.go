package sim

import "time"

// perform does one action. One that makes no sense as things stand does nothing.
func (w *world) perform(a *Action) {
	if a.Node >= len(w.nodes) || a.Peer >= len(w.nodes) {
		return
	}
	n := w.nodes[a.Node]
	w.hash = mix(w.hash, uint64(w.now), uint64(n.index), uint64(len(a.Do)))
	w.trace.action(w, a)
	switch a.Do {
	case Write, Update, Abort:
		w.write(n, a)
	case Cut, Join, Partition, Ring, Heal, Clog:
		w.rewire(a)
	case Skew, Epoch, Freeze:
		w.turnClock(n, a)
	case Offline, Online, Pause, Resume:
		w.suspend(n, a.Do)
	case Interest:
		w.takeInterest(n, a.Doc)
	case Crash, Tear, FailWrite, FailSync, Stall:
		w.breakDown(n, a)
	case Retire, Fence, Lose:
		w.depart(n, a)
	default:
		w.turnover(n, a)
	}
}

// breakDown ends a process without warning, or lets its disk do so.
func (w *world) breakDown(n *node, a *Action) {
	if n.r == nil {
		return
	}
	d := &n.disk
	switch left := (remains{a.Amount, a.Do == Tear || a.Do == FailWrite}); a.Do {
	case Stall:
		w.stall(n, w.now+a.Time)
	case FailWrite:
		d.badWrite, d.badSync, d.left = true, false, left
	case FailSync:
		d.badWrite, d.badSync, d.left = false, true, left
	default:
		if d.left = left; !d.isSynced() {
			w.die(n, "crashed")
			return
		}
		n.dying = true
	}
}

// rewire changes the links.
func (w *world) rewire(a *Action) {
	switch a.Do {
	case Cut, Join:
		w.net.links[a.Node][a.Peer].cut = a.Do == Cut && a.Node != a.Peer
	case Clog:
		w.net.links[a.Node][a.Peer].clogged = w.now + a.Time
	case Heal:
		w.net.each(func(_, _ int, l *link) { l.cut, l.clogged = false, 0 })
	case Partition:
		w.net.each(func(from, to int, l *link) { l.cut = l.cut || (from < a.Amount) != (to < a.Amount) })
	case Ring:
		size := len(w.nodes)
		w.net.each(func(from, to int, l *link) {
			apart := (from - to + size) % size
			l.cut = l.cut || apart > 1 && apart < size-1
		})
	}
}

func (w *world) turnClock(n *node, a *Action) {
	switch {
	case a.Do == Skew:
		n.offset += a.Time
	case a.Do == Epoch:
		n.offset = -w.time().Sub(time.Unix(0, 0))
	case n.frozen != nil:
		n.frozen = nil
	default:
		now := w.clock(n)()
		n.frozen = &now
	}
}

// suspend takes a replica's link or process away for a while.
func (w *world) suspend(n *node, do Verb) {
	if n.r == nil {
		return
	}
	switch {
	case do == Pause:
		n.paused = true
	case do == Resume:
		w.resume(n)
	case n.paused || n.online == (do == Online):
	default:
		n.online = do == Online
		w.connect(n)
		w.drain(n)
	}
}

func (w *world) resume(n *node) {
	if n.r == nil || !n.paused {
		return
	}
	n.paused = false
	w.release(n, &pending{messages: n.outbox})
	inbox := n.inbox
	n.inbox, n.outbox = nil, nil
	for i := range inbox {
		if n.r != nil {
			w.deliver(n, &inbox[i])
		}
	}
	w.plan(n)
}

// turnover begins and ends processes.
func (w *world) turnover(n *node, a *Action) {
	switch a.Do {
	case Restart:
		if n.r == nil && !n.gone || n.dying {
			w.stop(n)
			w.start(n)
		}
	case Stop:
		w.end(n)
	case Restore:
		if a.Amount < len(n.disk.records) {
			w.restore(n, a.Amount)
		}
	case Wipe:
		w.restore(n, 0)
	case Forget:
		w.forget(n, a.Doc)
	case Copy:
		w.copyDisk(n, a.Amount)
	case Clone:
		w.clone(n)
	case Arrive:
		w.start(w.add(nodeID(len(w.nodes))))
	case Leave:
		if len(n.systems) == 1 && w.isCovered(n) { // nobody could take a relay's place
			w.stop(n)
			old := n.disk.records
			n.gone, n.disk = true, newDisk()
			w.bereave(old)
		}
	}
}

// isCovered reports whether some other replica has all that a node has, and
// the disks of both have, too.
func (w *world) isCovered(n *node) bool {
	if n.r == nil || n.dying {
		return false
	}
	for _, doc := range n.r.Names() {
		n.r.Seal(doc)
	}
	w.drain(n)
	if n.r == nil || !n.disk.isSynced() {
		return false
	}
	for _, other := range w.nodes {
		if other != n && other.r != nil && other.r.Leaving() == 0 && !other.dying && other.disk.isSynced() && w.covers(other, n) {
			return true
		}
	}
	return false
}

func (w *world) covers(big, small *node) bool {
	for _, doc := range small.r.Names() {
		v := big.r.View(doc)
		if v == nil {
			return false
		}
		ctx := v.State().Context()
		if !ctx.Covers(small.r.View(doc).State().Context()) {
			return false
		}
	}
	return true
}
