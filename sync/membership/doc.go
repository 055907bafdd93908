// Package membership is who takes part in a space.
//
// The membership is a document like any other, under the name [Document], which
// no user's document can have: it is written by ordinary events, merged, repaired,
// stored and compared like the rest. Each member has one register in it, under its
// actor: a replica's id and the incarnation in which it mints. So a replica that
// had to take a new incarnation is another member, until the old one has retired.
//
// A member is [Active] until it says itself that it leaves, with how many events it
// has minted in all ([Leaving]), or until others fence it ([Fenced]): then it does not
// count for stability any more, and nothing that it sends is taken from it. Of
// concurrent writes about one member the gravest standing counts, so that no change of
// a site or weight takes back a fence. When all others durably hold the very same events
// of it, its register is removed, and it is a stranger from then on: what still
// arrives under its name is refused. A register that was removed does not come back, as
// an incarnation is never used twice.
//
// The package reads and writes such a document. It knows no replica, no transport and
// no time; who decides when is the business of package replica.
package membership
