// Package kernel is the one algebra under every type: a set of events with
// their effects, and its join.
//
// An event is named by a dot. It may add one immutable payload under its own
// dot, at a path, and it kills the dots that its writer had observed there. So
// every dot walks the chain
//
//	unknown < live(path, payload) < dead
//
// and merging is the pointwise maximum. If an identity was used twice a dot may
// come with two payloads; they are ordered, too, so that all replicas end with
// the greater one, and the other is handed out (see [Conflict]). A [State] holds
//
//   - the causal context: the exact set of events absorbed with all effects;
//   - the live dots with their payloads, indexed by path and by dot;
//   - the deaths ahead: dots known to be dead whose own event is still
//     missing. They stay outside the context, or nobody would ask for that
//     event any more, and what it kills would be lost.
//
// Dead dots are those in the context that are not live, so a removal leaves
// nothing behind. What a path's live dots mean (a register, a set, a counter)
// is a view, in package crdt; the kernel never looks at a payload.
//
// # Invariants
//
// Live dots are in the context. Deaths ahead are not. Two states with equal
// contexts have equal live dots, unless an identity was used twice: then they
// have once each has merged the other.
//
// # Costs
//
// A local write and a merged dot cost O(1) expected, whatever the size of the
// state; merging a fragment costs O(fragment) plus what dies by it. An entry
// takes 56 bytes, one immutable allocation for key and value, about 12 bytes
// of hash table and 5 of dot index.
//
// Source: Almeida, Shoker and Baquero, "Delta state replicated data types"
// (JPDC 2018), flattened to leaves as in Riak's bigsets and indexed by dot as
// in DottedDB (Gonçalves et al., SRDS 2017).
package kernel
