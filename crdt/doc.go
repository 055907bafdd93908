// Package crdt holds the types of the engine as views over one kernel, and is
// the door for programs that import just the types: no network, no storage, no
// goroutine.
//
// A [Document] is one replica's copy: live dots at paths. What a path means is
// said by the tag of its last component and by how it is read:
//
//	view                write                             read                     concurrent outcome
//	LWW register        replaces all observed             greatest (time, actor)   the later timestamp
//	MV register         the same                          all live values          both, until a write that saw both
//	add-wins set        add replaces, remove kills        element has a live dot   add wins
//	remove-wins set     add and remove leave a payload    no removal is live       remove wins
//	enable-wins flag    as the add-wins set                                        enabled
//	disable-wins flag   as the remove-wins set                                     disabled
//	counter             a dot an increment                sum of live dots         all add up; a removal undoes what it saw
//	OR-map              nested paths; remove kills below  what lives below         update beats removal, keeps itself alone
//	LWW map             put and delete leave a payload    greatest (time, actor)   the later of put and delete
//
// LWW or multi-value is thus a choice at read time over the same state.
//
// # Expiry
//
// What is written may expire ([TTL], [ExpireAt]), and so may a document
// ([Document.SetExpiry]). Readers hide what has expired by their own clock, as if
// it had been removed: a concurrent value without an expiry stays. [Document.Expire]
// removes it in fact, by an ordinary write; any holder may, once or several. The
// state, its encoding and its digest depend on no clock, so clocks that are wrong
// make it late or early and nothing else. A document in which nothing expires
// pays nothing for it; each payload that does costs about 60 bytes and O(log(those
// that do)) when it is written and when it dies.
//
// # Stand-alone types
//
// [Register], [Counter], [EnableFlag] and [DisableFlag] are here, sets and
// OR-maps in package orset, LWW maps in package lwwmap. All embed [Base] and
// are used alike:
//
//   - A New function takes an actor: who the writes are by. No two values that
//     write to the same thing may ever share one; see [Base.Bind].
//   - A mutator returns a delta for the other replicas, nil if it had nothing to
//     do. Its Append form appends the delta to a buffer and allocates only what
//     the value keeps. A Writer writes without making deltas; Flush makes one of
//     all that was written. Update makes several writes one atomic group.
//   - Merge takes deltas, groups of them ([delta.Join]) and whole values, in any
//     order, any number of times. It takes all of one or nothing.
//   - MarshalBinary gives the whole value, with a version and a checksum;
//     UnmarshalBinary replaces a value by one. Clone copies.
//
// # Guarantees
//
// Values that have seen the same writes are equal, down to their bytes. A write
// supersedes exactly what its writer had seen, whatever the clocks say. A delta
// that arrives across a gap is applied at once and never taken for a removal. A
// group of an Update is seen whole or not at all. Merging costs the size of the
// delta, not of the value.
//
// Not guaranteed: that deltas arrive, which is up to whoever carries them (a
// lost one is made up for by any later whole value); an order between values;
// and any protection against a peer that lies about its own writes.
package crdt
