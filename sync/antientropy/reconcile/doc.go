// Package reconcile finds out which live dots two replicas differ in when no log
// reaches back: how much is said depends on how much differs, not on how much there
// is. It is pure: states and bytes in, bytes and a plan out.
//
// # The idea
//
// What only one side has seen needs no search: contexts name it, and it is sent. A dot
// that both have seen is live or dead at each; live here and not there means dead, so
// what has to be found is the difference of two sets of live dots among the common
// events. The opener, who knows the other's context, lays the common events on a line
// of blocks, 128 sequence numbers each, whose fingerprints the kernel keeps, cuts the
// line into buckets, and sends a few bits a bucket: a sketch. The answerer compares
// them with its own and sends, over the buckets that differ, an invertible Bloom lookup
// table of its live dots, or their lists where those are shorter: a table. The opener
// takes its own dots out of it, reads the difference off, and has the plan.
//
//	cut, err := reconcile.Take(s, theirContext)    // opener; a Pull told the context
//	sketch := cut.Sketch(nil, salt)                //   opener to answerer
//	reply, err := reconcile.Answer(s, own, sketch) //   answerer to opener: reply.Table
//	plan, err := cut.Resolve(s, reply.Table)       // ErrAgain: with another sketch
//
// Then both sides know all that it takes to become equal, in two round trips with the
// Pull: see [Plan]. Nothing is claimed before the end, and then in one step.
//
// # Guarantees
//
// A plan is exact for the moment of Take here and of Answer there, whatever was written
// meanwhile: 64-bit sums over what was taken for equal and over what was read off say
// so, or Resolve returns [ErrAgain] and nothing has happened. Each Again costs more and
// depends less on luck, from a table through one of twice the cells to lists of all live
// dots in the differing buckets, at last with a fingerprint a dot; there are at most
// [MaxSketches], then [ErrExhausted]. Equal states are found equal by a few bytes.
//
// All bytes are suspect: memory is at most a constant times their number and that
// of the own live dots, time likewise.
//
// # Non-guarantees
//
// Two payloads under one dot, which an identity used twice makes, show as a bucket that
// differs although its dots do not ([Plan.Suspect]), unless another difference hides it:
// then as contexts that become equal while digests do not. With equal contexts
// the fingerprints of dots are compared at once, and [Plan.Conflicts] names the dots.
//
// The salt must be random and unknown to those who choose what is written; then
// nobody can write so that tables fail. Fingerprints are not cryptographic: a peer with
// valid credentials that lies can make the other drop dots, here as in any frame.
//
// # Bytes
//
// Integers, ranges and actors are as in [wire], a context as in [message]. A position
// is a dot's place on the line: the actors of the common context stand in order, each
// from the block of its first common event to that of its last, from block 1 on.
//
//	sketch: salt, effort, xxHash-64 of the context pulled with, what of that the
//	        opener lacks (how many actors, and for each how many of that context's
//	        are skipped, and its ranges), live common dots, blocks a bucket, bits a bucket
//	        (8 to 32), bin: for each bucket that many bits of
//	        mix(XOR of the fingerprints of its live dots, salt), high bits first
//	table:  salt, kind; then by kind
//	  0 coarse: how many buckets differ; the sketch has too few buckets
//	  1 cells:  differing, rest, sum (64 bits each), cells per hash,
//	            bin: (element, 16 bits of check) a cell, XORed
//	  2 lists:  differing, rest, then for each differing bucket its live dots,
//	            as ranges or, bin, as a bit a position
//	  3 prints: as lists; after each, bin: 32 bits a dot of mix(fingerprint, salt)
//	differing: how many, then the number of buckets skipped before each
//	rest:      sum of a hash of all blocks with live dots in the other buckets
//
// Both end with the CRC-32C of all before it, in 4 bytes.
//
// An element is one more than the dot's place in the differing buckets laid end to
// end. Each has four cells, one in each quarter.
//
// Sources: Goodrich and Mitzenmacher, "Invertible Bloom Lookup Tables" (2011);
// Eppstein et al., "What's the difference? Efficient set reconciliation without prior
// context" (SIGCOMM 2011). Since the reader of a table knows its own side of every
// element, cells need no counter.
package reconcile
