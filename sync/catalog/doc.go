// Package catalog is the list of a replica's documents in the order of their
// names, and how two such lists are compared without being read out: what is said
// depends on how many documents differ, not on how many there are. It is pure.
//
// # The list
//
// A [Catalog] keeps a 64-bit print a document, and the XOR of the prints of any
// stretch of names. A [Scope] is the documents that a pattern matches: for most
// patterns a stretch of names, so that the print of all documents below
// "fleet.42.>" costs no more than that of all documents.
//
// # The comparison
//
// The asker cuts its documents into ranges of about equal size and sends a short
// hash of each range's print. The answerer finds the ranges that differ, estimates
// from their number how many documents do, and sends an invertible Bloom lookup
// table of its prints there, a [Table], four cells a print and 12 bytes a cell. The
// asker takes its own prints out and reads off what is left: the prints of the
// documents that differ, on both sides. This is reconciliation by ranges (Meyer,
// "Range-Based Set Reconciliation", 2022) with tables (Goodrich and Mitzenmacher,
// "Invertible Bloom Lookup Tables", 2011) in place of the deeper levels, which
// would cost a message and a dozen bytes a difference each.
//
// # Non-guarantees
//
// Prints are no defence against a peer that chooses names and contents to make
// them equal. A table may turn out unreadable; the caller then asks for a larger
// one, or for the list itself.
package catalog
