package main

var remoteMutants = []mutant{
	{
		name: "a write that may have been carried out is asked of another replica",
		harm: "an increment whose answer was lost counts twice",
		in:   "clients/remote",
		old:  "\tif !w.doubt {\n\t\tif w.peer, err",
		put:  "\tif true {\n\t\tif w.peer, err",
		by:   "clients/remote: TestAWriteOfWhichNobodyKnowsIsUnknownAndNeverDoubled",
	},
	{
		name: "a write in doubt is given a new name",
		harm: "the replica that has carried it out does not know it again",
		in:   "clients/remote",
		old:  "err = c.try(ctx, w.peer.replica, protocol.OpWrite, &w.group, &out)",
		put:  "w.group.Request.Number++\n\t\terr = c.try(ctx, w.peer.replica, protocol.OpWrite, &w.group, &out)",
		by:   "clients/remote: TestAnIncrementWhoseAnswerIsLostCountsOnce",
	},
	{
		name: "a replica carries out what was sent to another one at first",
		harm: "a replica that has forgotten in a restart does again what others have",
		in:   "clients/internal/service",
		old:  "if actor := s.replica.Actor(); n.Actor != actor {",
		put:  "if actor := s.replica.Actor(); n.Actor != actor && false {",
		by:   "clients/remote: TestAReplicaInAnotherLifeDoesNotRepeatAWrite",
	},
	{
		name: "a replica answers before it has seen what the reader has",
		harm: "somebody saves, and is shown the state before",
		in:   "clients/internal/service",
		old:  "err = s.replica.Doc(doc).Await(ctx, p)",
		put:  "_ = s.replica.Doc(doc).Await(ctx, p)",
		by:   "clients/remote: TestReadsShowWhatTheSessionWroteElsewhere",
	},
}
