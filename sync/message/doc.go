// Package message is what replicas of a space say to each other, and on which
// subjects.
//
//	kind      to                says
//	Delta     all of a document  these events of mine happened, or others' that I pass on
//	Beacon    all of the space   this is the digest of all that I hold
//	Survey    one                these are hashes of my documents, range by range; where do yours differ
//	Listing   one                there, and by these
//	Pull      one, or any        I have this much of these documents; give me the rest
//	Push      one                here it is, or: nothing, no, fetch it in chunks, or let us compare
//	Fetch     one                give me these bytes of a transfer
//	Chunk     one                here they are
//	Table     one                compared with your sketch, this is what I hold
//	Muster    all of the space   I have this much of those who are to retire
//	Cover     all of the space   do you durably have these events
//	Covered   one                of these, yes
//
// Every message carries its sender, the nonce of the sender's present start and
// a checksum. The nonce tells one's own echo from a clone that came back under
// the same name. A message is parsed whole, within bounds, before anything of it counts.
//
// The transport may lose, duplicate, delay and reorder all of them.
package message
