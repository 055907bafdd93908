package main

var replicaMutants = []mutant{
	{
		name: "an echo is known by the replica's id alone",
		harm: "a clone with the same id is never heard, nor noticed",
		in:   "sync/replica",
		old:  "return h.From.ID == r.cfg.ID && h.Nonce == r.nonce",
		put:  "return h.From.ID == r.cfg.ID",
		by:   "sync/replica: TestTwoProcessesWithOneIdentityHearEachOther",
	},
	{
		name: "incarnations are counted",
		harm: "a backup that is restored twice mints the same dots twice",
		in:   "sync/replica",
		old:  "actor:    causal.Actor{ID: cfg.ID, Incarnation: nonZero(cfg.Rand.Uint64())},",
		put:  "actor:    causal.Actor{ID: cfg.ID, Incarnation: 1},",
		by:   "sync/replica: TestRiakKV679RestoredReplicaReusesItsActor TestVerneMQ1766NodeComesBackEmptyUnderItsName",
	},
	{
		name: "claims of own events that were never minted are believed",
		harm: "the victim's next writes are dead everywhere",
		in:   "sync/replica",
		old:  "if named >= first {",
		put:  "if false {",
		by:   "sync/replica: TestDeathOfAnEventNotYetMintedTakesANewIncarnation",
	},
	{
		name: "a new incarnation leaves pending writes their names",
		harm: "two processes publish different events under one dot",
		in:   "sync/replica",
		old:  "d.copy.Rename(r.actor)",
		put:  "r.seal(d)\n\t\td.copy.Rename(r.actor)",
		by:   "sync/replica: TestACloneCountsEveryIncrementOnce",
	},
	{
		name: "events leave unsealed by the repair door",
		harm: "a peer holds a sum that the origin goes on to change",
		in:   "sync/replica",
		old:  "r.seal(d)\n\thave",
		put:  "have",
		by:   "sync/replica: TestSealingBeforeAnyDoor",
	},
	{
		name: "own units are sent and not kept",
		harm: "a crash takes back what peers have",
		in:   "sync/replica",
		old:  "r.out.Records = append(r.out.Records, Record{d.name, unit, true})",
		put:  "",
		by:   "sync/sim: TestHistoriesWithAllFaultsConverge",
	},
	{
		name: "units of others are merged and not kept",
		harm: "a replica forgets at a crash what it has confirmed",
		in:   "sync/replica",
		old:  "r.out.Records = append(r.out.Records, Record{d.name, b, isUnit})",
		put:  "",
		by:   "sync/sim: TestHistoriesWithAllFaultsConverge",
	},
	{
		name: "a state made for one receiver is relayed as a unit",
		harm: "others are offered what leaves out payloads that they lack",
		in:   "sync/replica",
		old:  "if isUnit {",
		put:  "if true {",
		by:   "sync/sim: TestHistoriesWithAllFaultsConverge",
	},
	{
		name: "a hole is filled from current state",
		harm: "an event is repaired without its killer: equal contexts, unequal data",
		in:   "sync/antientropy",
		old:  "\tunits, _, _ := src.Log.Answer(src.Doc, hole, limit)\n",
		put: "\tvar made kernel.State\n" +
			"\tfor a, rs := range hole.All() {\n" +
			"\t\ti, at := made.Intern(a), src.State.Intern(a)\n" +
			"\t\tfor _, rg := range rs {\n" +
			"\t\t\tfor l := range src.State.Between(at, rg) {\n" +
			"\t\t\t\tp := l.Payload()\n" +
			"\t\t\t\tp.Parent = kernel.Root\n" +
			"\t\t\t\tfor _, c := range src.State.Path(nil, l.Parent) {\n" +
			"\t\t\t\t\tp.Parent = made.Ensure(p.Parent, c.Tag, c.Name)\n" +
			"\t\t\t\t}\n" +
			"\t\t\t\tmade.Learn(i, l.Seq, &p)\n" +
			"\t\t\t}\n" +
			"\t\t}\n" +
			"\t\tmade.Claim(i, rs...)\n" +
			"\t}\n" +
			"\tunits := []delta.Delta{delta.AppendState(nil, &made)}\n",
		by: "sync/sim: TestHistoriesWithAllFaultsConverge",
	},
	{
		name: "unequal data under equal contexts is called the same",
		harm: "what a double identity did stays unseen",
		in:   "sync/antientropy",
		old:  "w.Digest != g.Digest && own.Equal(w.Have) {",
		put:  "false && own.Equal(w.Have) {",
		by:   "sync/replica: TestDigestsSeeTwoPayloadsUnderOneDot",
	},
	{
		name: "a beacon that differs is not followed",
		harm: "a lost last message is never missed",
		in:   "sync/replica",
		old:  "if d.lacks(p, h) || d.odd >= maxOdd {",
		put:  "if false {",
		by:   "sync/replica: TestALostTailIsNoticedByTheBeaconAfterTheBurst",
	},
	{
		name: "a chunk that came twice is taken twice",
		harm: "transfers under duplication never succeed",
		in:   "sync/antientropy",
		old:  "if len(data) == 0 || offset < have ||",
		put:  "if len(data) == 0 ||",
		by:   "sync/replica: TestTransfersSurviveDuplicatedChunks",
	},
	{
		name: "a transfer is applied when its first chunk is there",
		harm: "a part of a state counts for the whole",
		in:   "sync/antientropy",
		old:  "{ return uint64(len(in.data)) == in.Size && in.Size > 0 }",
		put:  "{ return len(in.data) > 0 }",
		by:   "sync/replica: TestATransferIsAllOrNothing",
	},
	{
		name: "an answer for an earlier start is taken",
		harm: "a restarted replica believes that it has what it had",
		in:   "sync/replica",
		old:  "if m.To != r.nonce {",
		put:  "if false {",
		by:   "sync/replica: TestAnswersForAnotherProcessAreIgnored",
	},
	{
		name: "a unit above the payload limit is broadcast",
		harm: "the transport drops it, or the whole link",
		in:   "sync/replica",
		old:  "if r.online && len(unit) <= r.cfg.MaxMessage-overhead {",
		put:  "if r.online {",
		by:   "sync/sim: TestHistoriesWithAllFaultsConverge",
	},
	{
		name: "a hole is not gone after",
		harm: "what was lost waits for the next beacon, or for ever",
		in:   "sync/replica",
		old:  "if d.hasHole(f) {",
		put:  "if _ = f; false {",
		by:   "sync/replica: TestAHoleIsRepairedFromAnybodysLog",
	},
	{
		name: "a delta is taken on any subject",
		harm: "who may publish to one document may change all",
		in:   "sync/replica",
		old:  "if doc != \"\" && doc != m.Doc {",
		put:  "if false {",
		by:   "sync/replica: TestADeltaOnAnotherDocumentsSubjectIsRefused",
	},
	{
		name: "others may make a replica hold any number of documents",
		harm: "one peer with a loop takes all memory",
		in:   "sync/replica",
		old:  "if len(r.docs) >= r.cfg.MaxDocs {",
		put:  "if false {",
		by:   "sync/replica: TestMoreDocumentsThanTheLimitAreRefused",
	},
	{
		name: "a transfer may have any size",
		harm: "one peer with a large number takes all memory",
		in:   "sync/replica",
		old:  "g.Size > uint64(r.cfg.MaxTransfer) {",
		put:  "false {",
		by:   "sync/replica: TestATransferAboveTheLimitIsNotBegun",
	},
	{
		name: "changes do not say that they are one's own",
		harm: "an application takes its own writes for those of others",
		in:   "sync/replica",
		old:  "\td.local = true\n",
		put:  "",
		by:   "sync/replica: TestChangesSayWhoMadeThemAndFailedOnesAreNotMentioned",
	},
	{
		name: "changes of a failed update are reported",
		harm: "watchers see what never was",
		in:   "sync/replica",
		old:  "r.out.Changes = r.out.Changes[:changes]",
		put:  "_ = changes",
		by:   "sync/replica: TestChangesSayWhoMadeThemAndFailedOnesAreNotMentioned",
	},
	{
		name: "timestamps from the future are not counted",
		harm: "nobody learns whose clock is wrong",
		in:   "sync/replica",
		old:  "r.stats.Drifts++",
		put:  "",
		by:   "sync/replica: TestDriftIsReportedOnceAndCounted",
	},
	{
		name: "an actor whose numbers were used up by others stops writing",
		harm: "one lie silences a replica for ever",
		in:   "sync/replica",
		old:  "if errors.Is(err, crdt.ErrExhausted) {",
		put:  "if errors.Is(err, crdt.ErrExhausted) && false {",
		by:   "sync/replica: TestAnActorWithoutNumbersLeftWritesOnUnderANewName",
	},
	{
		name: "a document's name and digest are combined by XOR",
		harm: "the same change to two documents leaves the digest as it was",
		in:   "sync/message",
		old:  "return hi ^ lo",
		put:  "_, _ = hi, lo\n\treturn xxhash.Sum64String(doc) ^ digest",
		by:   "sync/replica: TestEqualUpdatesOfTwoDocumentsDoNotHideEachOther",
	},
	{
		name: "names go into subjects as they are",
		harm: "a document's name reaches the subjects of others",
		in:   "sync/message",
		old:  "return string(AppendToken([]byte(s.root+\".d.\"), doc))",
		put:  "return s.root + \".d.\" + doc",
		by:   "sync/message: TestSubjectsNeverClash",
	},
}
