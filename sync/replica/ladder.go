package replica

// Ladder counts the rungs on which replicas caught up: what this one gave, and
// what it got.
type Ladder struct {
	Same       uint64 // given: there is nothing to catch up with
	Units      uint64 // given: whole units from the log
	States     uint64 // given: the state in a message
	InChunks   uint64 // given: the state, or news, to be fetched in chunks
	Sketches   uint64 // given: a sketch to compare with
	Again      uint64 // of these, those after a table that did not suffice
	Declined   uint64 // tables got that ask for the state instead
	Bare       uint64 // sessions whose asker had no room for its news
	Compared   uint64 // sessions that found what differs, here as their source
	FellBack   uint64 // sessions that ended with the state instead, likewise
	Superseded uint64 // sessions that gave way to others before their end, likewise
	Expired    uint64 // sessions that waited too long for their table, likewise
	Late       uint64 // tables got for a session that is over

	Tables   uint64 // sent in answer to a sketch
	News     uint64 // got at the end of a session
	LateNews uint64 // got for a session that is over, and dropped
	Resumed  uint64 // transfers that went on after they had stalled
	Staged   uint64 // states completed with payloads that another source had given
}

// Add adds what another replica counted.
func (l *Ladder) Add(m *Ladder) {
	theirs := m.all()
	for i, n := range l.all() {
		*n += *theirs[i]
	}
}

func (l *Ladder) all() []*uint64 {
	return []*uint64{
		&l.Same, &l.Units, &l.States, &l.InChunks, &l.Sketches, &l.Again, &l.Declined, &l.Bare, &l.Compared, &l.FellBack,
		&l.Superseded, &l.Expired, &l.Late, &l.Tables, &l.News, &l.LateNews, &l.Resumed, &l.Staged,
	}
}
