// Package antientropy decides how a replica that is behind catches up, and holds
// the ends of transfers that are larger than a message and of comparisons. It is pure:
// no replica, clock or transport.
//
// The ladder:
//
//  1. Equal digests: nothing to do.
//  2. The log still holds every unit that the other lacks: those units, whole.
//  3. The context and the live dots, in a frame. Payloads that the receiver's context
//     covers are left out; a dot that it has and that is neither sent nor listed as
//     kept is dead.
//  4. A comparison of live dots: package reconcile finds what differs, and only that is
//     sent. A session claims nothing before its end.
//
// Which one it is is a question of bytes: see cost.go. Equal contexts and different
// data, as when an identity was used twice, are compared too, or all live dots are sent
// with their payloads. A frame that is too large for a message is fetched in chunks, from another
// source too if the first one goes: see [Staged].
//
// Nothing is ever put together from current state and called a unit: an event
// must not travel without the deaths that it caused.
package antientropy
