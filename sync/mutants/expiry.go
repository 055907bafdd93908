package main

var expiryMutants = []mutant{
	{
		name: "what is hidden follows a clock that steps back",
		harm: "what had expired shows again",
		in:   "crdt/hlc",
		old:  "if now <= reached {\n\t\t\treturn reached",
		put:  "if now <= reached {\n\t\t\treturn now",
		by:   "crdt: TestWhatWasHiddenStaysSoWhileTheClockStepsBack",
	},
	{
		name: "what was overwritten stays in the index of expiry",
		harm: "a value that was given more time is taken for expired",
		in:   "crdt/kernel",
		old:  "if s.expiring != nil {\n\t\ts.expiring.remove(Dot{l.actor, l.seq})",
		put:  "if s.expiring != nil {",
		by:   "crdt/kernel: TestTheIndexOfExpiryAgreesWithASearchOfAllThatLives",
	},
	{
		name: "the expiry is not sent",
		harm: "what expires at its writer stays everywhere else",
		in:   "crdt/wire",
		old:  "op |= opExpiry",
		put:  "op |= 0",
		by:   "crdt/wire: TestUnknownTagsMarksAndExpiryGoThroughARelay; crdt: TestClocksThatAreWrongMakeExpiryLateOrEarlyAndNothingElse",
	},
	{
		name: "a merge drops what has expired here",
		harm: "a death without an event: replicas with equal contexts differ by their clocks",
		in:   "crdt",
		old:  "if t := f.Latest(); d.clock != nil {",
		put: "for d.Hide(1) {\n\t\tfor _, l := range slices.Collect(d.state.Hidden()) {\n\t\t\td.state.KillDot(d.state.Dot(&l))\n\t\t}\n\t}\n" +
			"\tif t := f.Latest(); d.clock != nil {",
		by: "crdt: TestClocksThatAreWrongMakeExpiryLateOrEarlyAndNothingElse; sync/sim: TestWhatExpiresUnderWrongClocksNeverDiverges",
	},
	{
		name: "expiry kills what lives at the place, not what it had observed expired",
		harm: "what somebody wrote there meanwhile is lost",
		in:   "crdt",
		old:  "\t\tnames = append(names, d.state.Dot(&l))\n\t\td.killed = append(d.killed, kernel.Dot{Actor: l.Actor, Seq: l.Seq})",
		put: "\t\tfor l := range d.state.Siblings(l.Parent, l.Tag, l.Key) {\n\t\t\tnames = append(names, d.state.Dot(&l))\n" +
			"\t\t\td.killed = append(d.killed, kernel.Dot{Actor: l.Actor, Seq: l.Seq})\n\t\t}",
		by: "crdt: TestASiblingWithoutExpiryShowsWhenTheOtherIsOver; sync/sim: TestWhatExpiresUnderWrongClocksNeverDiverges",
	},
	{
		name: "a document that was given more time is removed all the same",
		harm: "what was extended in time is lost",
		in:   "crdt",
		old:  "if !c.hides(&l) {\n\t\t\td.state.Reveal",
		put:  "if !c.hides(&l) && false {\n\t\t\td.state.Reveal",
		by:   "crdt: TestADocumentThatIsGivenMoreTimeInTimeStays",
	},
	{
		name: "a write to a document that has expired joins the old one",
		harm: "what was written is removed with what had expired",
		in:   "sync/replica",
		old:  "if !d.copy.Lapsed() {",
		put:  "if true {",
		by:   "sync/sim: TestWhatExpiresUnderWrongClocksNeverDiverges",
	},
}
