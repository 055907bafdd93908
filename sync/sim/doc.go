// Package sim runs many real replicas in one thread: virtual time, a seeded
// random source, a simulated network, clocks, processes and disks. Nothing in
// it is a mock of the protocol; what runs is package replica.
//
// A [Script] is one history: who writes what and when, and what goes wrong.
// [Generate] makes one of a seed, [Parse] reads one from its text. [Run] plays
// it, then heals everything and demands that all replicas converge within a
// bound of virtual time. A script replays exactly, so a failure is kept by
// keeping its text; [Shrink] makes it small first.
//
// # What is checked
//
// After every step, at the replica that took it:
//
//   - the kernel's invariants ([kernel.State.Verify]);
//   - the live dots and the deaths ahead are those that the replica's context
//     determines, computed naively from every unit that was ever sealed. So a
//     removed thing never comes back and no causally older value wins;
//   - a context holds units whole or not at all, so groups are seen whole;
//   - equal contexts have equal digests, at all replicas and all times;
//   - a write does at its own replica what a naive model of its view says, and
//     the units sealed of it say the same; counters are exact;
//   - what is committed is in records, sent or not, and what is sent of it says
//     the same;
//   - a dot has one payload; a message keeps to the payload limit;
//   - what a replica reloads after a crash is what it had kept, and at most the
//     last record is torn;
//   - nobody knows of a unit before it is durable at the replica that sealed it,
//     nor ever of one that was lost unsynced with its process;
//   - what only a later release can read is refused, counted and changes
//     nothing; an optional part that a unit came with is passed on with it.
//
// At the end all replicas hold exactly what anybody held durably, and that is
// every write that was acknowledged, except events that no disk had any more once
// one was set back, emptied or damaged. A write is acknowledged once the Output
// with its record is synced. Registers hold what the script says, if it does.
//
// # Disks
//
// An Output goes to a volatile tail of its replica's disk, and is carried out
// once a sync has ended that began after that. While one is under way others
// gather, and share the next. A crash leaves what was synced and a prefix of the
// tail, whose last record may be torn. A write or sync that fails ends its
// process, which comes back as after a crash. Copies are of what was synced.
//
// A replica that was stopped cleanly goes on as the same actor at its next start,
// once, and only from the very disk. From a copy, an older state of the disk, an
// empty disk, one on which a document is damaged, or after a crash it starts as
// another one. Whatever happens to disks, no dot gets two payloads; [Identities]
// makes histories of nothing but that. A late echo of its earlier start may make
// a replica that went on take itself for a clone; that alarm is let pass. Only a copy that nobody can tell from the
// original may lead to it, as [Clone] makes them.
//
// # What is not covered
//
// Real disks and real sockets; disks that reorder writes, lose what they have
// synced and still say that the replica stopped cleanly, or give back other bytes
// without a sign of damage; peers that lie; releases that differ in what
// they do and not only in what they send. Two processes with one identity may
// give one dot two payloads before they notice; the simulator then demands the
// alarms, and that all agree in the end, not on which of the two.
package sim
