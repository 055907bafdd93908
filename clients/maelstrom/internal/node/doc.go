// Package node is one node of the cluster under test: a process with a NATS
// server of its own and a joinery replica, which answers requests on standard
// input.
//
// The server is one of a full mesh: it listens for the routes of some peers and
// connects to those of the others, on addresses that the harness hands out,
// each the near end of a TCP link that the harness can break. NATS servers pass
// a message from one route on to their own clients and to no other route, so
// breaking the link of two nodes parts exactly these two. Servers would tell
// each other of servers that they do not know, and go around the links; that is
// why each announces an address at which nobody listens.
//
// The replica's identity is a function of the node's name: a process that is
// started again has the identity of the one that was killed, and none of its
// state.
package node
