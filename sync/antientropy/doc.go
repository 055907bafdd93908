// Package antientropy decides how a replica that is behind catches up, and
// holds the two ends of a transfer that is larger than a message. It is pure:
// no replica, clock or transport.
//
// The ladder, cheapest first:
//
//  1. Equal digests: nothing to do.
//  2. The log still holds every unit that the other lacks: those units, whole.
//  3. The log no longer reaches back: the context and the live dots. Payloads
//     that the receiver's context covers are left out; a dot that it has and
//     that is neither sent nor listed as kept is dead.
//  4. Equal contexts and different data, as when an identity was used twice: all
//     live dots with their payloads.
//
// Nothing is ever put together from current state and called a unit: an event
// must not travel without the deaths that it caused.
package antientropy
