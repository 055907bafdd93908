// Package consistency says whose answers a read or write has to wait for. It is
// pure: no replica, clock or transport.
//
// A [Level] names how many replicas have to answer, a [View] who they may be
// under one version of the membership, and a [Tally] counts them: each replica
// once, nobody from outside.
//
// What levels give: if R + W > N and the membership does not change, a read at
// level R meets at least one replica that holds an acknowledged write of level
// W. What they do not give: linearizability, or any order between documents.
// A write whose level was not reached is not undone. It stands, and spreads.
package consistency
