// Package nemesis breaks a cluster in rounds: some faults, all at once, for a
// while, then none.
//
// The first rounds have one kind of fault each, so that all are seen even in
// short runs; later ones a random selection. Never is more than a minority
// killed, nor more than a minority paused, and there is time to recover before
// others are killed: what was acknowledged survives in a majority (see package
// history).
package nemesis
