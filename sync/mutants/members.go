package main

var memberMutants = []mutant{
	{
		name: "of a member counts what it has, whatever else it has",
		harm: "an older value that it held all the time shows after the deletion was collected",
		in:   "sync/replica",
		old:  "!ok || !own.Covers(more) {",
		put:  "!ok || own.Covers(more) && !own.Covers(more) {",
		by:   "sync/replica: TestAMemberThatHasMoreThanOneKnowsDoesNotCount",
	},
	{
		name: "who has forgotten a document says that it never had it",
		harm: "the last one to forget it never does",
		in:   "sync/replica",
		old:  "return more, x.Dead != 0 && r.heldLast(x.Doc, x.Dead)",
		put:  "return more, false",
		by:   "sync/replica: TestWhoHasForgottenADocumentSaysThatItHeldIt",
	},
	{
		name: "what is purged is forgotten to be dead",
		harm: "a replica shows again what its own write had replaced",
		in:   "crdt/kernel",
		old:  "x.ahead = x.ahead.Union(x.seen.Minus(live))",
		put:  "",
		by:   "crdt/kernel: TestOfWhatIsPurgedTheDeathsAreKept",
	},
}
