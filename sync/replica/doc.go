// Package replica is the state machine of one replica of a space.
//
// It has no goroutine, clock, socket or disk: writes, messages and the passing
// of time go in, [Output] comes out. The same code runs under NATS and in the
// simulator.
//
// What it keeps, whatever the transport loses, duplicates or reorders:
//
//   - Replicas that have seen the same events hold the same state.
//   - A write is applied or superseded at every replica that stays reachable.
//   - A group of writes is seen whole or not at all, and a removal affects only
//     what its writer had observed.
//
// How: the origin broadcasts its own events as sealed units. Receivers apply
// them at once, out of order too; a hole is asked for from any holder.
// Beacons catch what nobody noticed to be missing. Whoever finds itself behind
// pulls: units from a log, or the live dots once the log is gone.
package replica
