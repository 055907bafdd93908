// Package causal names events and the sets of events a replica has seen.
//
// An [Actor] is one life of one replica. Each of its mutations mints a [Dot],
// (actor, sequence number), once, ever. A [Context] is the exact set of events
// that somebody has absorbed with all their effects: for each actor a sorted
// list of [Ranges]. The usual case, everything from 1 to n, is a single range
// and is the classic version vector; the ranges above it are the events that
// arrived across a gap.
//
// Contexts are never rounded up to the largest number seen: a gap that is
// swallowed is an event that nobody will ever ask for again.
//
// Source: Preguiça et al., "Dotted Version Vectors" (2012); Almeida, Shoker and
// Baquero, "Delta state replicated data types" (JPDC 2018).
package causal
