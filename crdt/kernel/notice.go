package kernel

// notice collects live dots that somebody may want to take away later: marked
// ones, and those at the places of one tag that are not alone there or are no
// numbers. What it costs follows them, not the state.
type notice struct {
	on  bool
	tag Tag
}

// Notice makes the state collect the dots that come to live from here on and are
// marked, or stand beside others at a place of the given tag, or are there and no
// numbers, see [State.Count]. A dot may have
// died again when it is taken, or be there twice.
func (s *State) Notice(tag Tag) { s.notice.on, s.notice.tag = true, tag }

// TakeNoticed appends what was noticed since the last call.
func (s *State) TakeNoticed(dst []Dot) []Dot {
	m := s.rare
	if m == nil {
		return dst
	}
	dst = append(dst, m.noticed...)
	if m.noticed = m.noticed[:0]; cap(m.noticed) > 1<<12 {
		m.noticed = nil
	}
	return dst
}

// Noticed returns how many dots TakeNoticed will append.
func (s *State) Noticed() int {
	if s.rare == nil {
		return 0
	}
	return len(s.rare.noticed)
}

// noticeLeaf looks at a leaf that has come.
func (s *State) noticeLeaf(l *leaf) {
	ok := l.flags&Mark != 0
	if l.tag == s.notice.tag && !ok {
		if ok = l.flags&isHead == 0 || l.sibling != none; !ok && s.tallies.number != nil && l.tag == s.tallies.tag {
			_, plain := s.tallies.number(l.value())
			ok = !plain
		}
	}
	if ok {
		m := s.more()
		m.noticed = append(m.noticed, Dot{l.actor, l.seq})
	}
}

// LiveAt returns the payload of a dot if it lives.
func (s *State) LiveAt(d Dot) (Live, bool) {
	id := s.actors[d.Actor].dots.get(d.Seq)
	if id == none {
		return Live{}, false
	}
	return s.view(id), true
}
