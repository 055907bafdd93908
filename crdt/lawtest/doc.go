// Package lawtest holds replicated types to their laws. A program that builds
// a type of its own on crdt.Base runs the same suite as the built-in ones:
//
//	func TestLaws(t *testing.T) { lawtest.Run(t, myType) }
//
// [Run] plays random histories: replicas write, sealed or not, and exchange
// deltas, groups of deltas and whole states, late, twice, in any order; they
// restart, and they are restored from old copies. [Exhaust] plays every history
// of a few operations on three replicas, in every order of delivery, with
// duplicates.
//
// Checked after each step:
//
//   - the value reads as a naive model says, which keeps the full causal history
//     of every replica (see [Writer] and [View]) and has neither contexts nor
//     deltas nor bytes to get wrong;
//   - the kernel's invariants hold (State.Verify), and equal contexts mean equal
//     values, as soon as events are final;
//   - the value after a write is the value before it merged with the delta.
//
// And at the end of each history:
//
//   - merging commutes, associates and is idempotent, down to the encoded bytes;
//   - all deltas and states in any order, joined in any groups, with duplicates,
//     give one value;
//   - decoding inverts encoding; a clone shares nothing.
//
// A history that fails is shrunk to the fewest steps that still fail and
// printed as a transcript with its seed.
package lawtest
