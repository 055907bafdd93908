// Package journal keeps one replica's state in a store: its identity, the
// records that its state machine gives out, and checkpoints of its documents.
//
// A record is appended as it is, which makes a write durable. From time to time
// a document's net change goes into a checkpoint, and the records that it covers
// are deleted, so that the space follows the live data:
//
//   - a small document is one encoded state in its head;
//   - a large one is a head with its causal context, and a row for each live dot.
//     A checkpoint writes the rows of dots that came since the last one and
//     deletes those of dots that died; it costs what changed, and is not long.
//
// A document is loaded in the same order: head, records, rows. Rows are keyed by
// the hash of their place, so that a field can be read and written as soon as
// the head and the records are there, before the other rows are.
//
// # Why a crash at any moment is harmless
//
// A batch of the store is there whole or not at all, and never without those
// before it. A checkpoint's context is taken while every event in it is in a
// record. New rows are written first: until the head claims their dots they mean
// nothing, and the records that brought these are still there. The head, the
// deletion of dead rows and that of covered records are one batch, and it comes
// after the records of all that died while the rows were written. So the rows
// within the context of the head are, at every moment, the dots that lived as of
// that context, less some whose killers are in the records; the head holds the
// fingerprint of the rows that there are, and loading compares it.
//
// # Identity
//
// A dot must never be minted twice, whatever is copied, restored or lost. [Open]
// says under which incarnation the replica may go on: the last one only if that
// ended with [Journal.Close], which syncs everything, and if the store is still the very
// same copy. Open takes the note of the clean end back, durably, before it returns.
//
// # Damage
//
// All that is read is checked: checksums of entries, with their keys; the positions
// of records, which have no gaps; the number and the fingerprint of rows. What is not as it
// was written is a [store.CorruptError], and concerns one document. [Journal.PutAside]
// then keeps all of it under its old number and returns what is whole, which for one
// broken row is all but that row. [Verify] looks for damage in all there is.
//
// Not noticed is the loss of a document's last records: a crash leaves the same.
// An entry of the list of documents that vanishes is noticed by [Verify]
// alone, but nothing else gets its number.
//
// # Backup
//
// [Backup] writes a stream that every later release reads, from a snapshot of a
// replica that is running. [RestoreBackup] gives a replica of the same identity that
// starts under a new incarnation, so a backup may be restored any number of times.
//
// FORMAT.md specifies the bytes.
package journal
