// Package membership is who takes part in a space.
//
// The membership is a document like any other, under the name [Document], which
// no user's document can have: it is written by ordinary events, merged, repaired,
// stored and compared like the rest. Each member has one register in it, under its
// actor: a replica's id and the incarnation in which it mints. So a replica that
// had to take a new incarnation is another member, until the old one has retired.
//
// A member is [Active]. One that is away for too long is [Fenced], by an operator: nobody
// waits for it any more, and what it wrote is kept for its return. One that leaves says
// so itself, with how many events it has minted in all ([Leaving]); of one that cannot say
// so any more others say that it is [Lost]. When all others durably hold the very same
// events of such a member it is [Retired]: a stranger, of whom nothing more is
// taken. Its register goes once everybody knows that, and does not come back, as an
// incarnation is never used twice. Of concurrent writes about one member the gravest
// standing counts, so that no change of a site or weight takes back a fence.
//
// The package reads and writes such a document. It knows no replica, no transport and
// no time; who decides when is the business of package replica.
package membership
