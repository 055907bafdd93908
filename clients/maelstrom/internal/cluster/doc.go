// Package cluster runs node processes and breaks them: it starts, kills, pauses
// and resumes processes of the operating system, and breaks and restores the
// TCP links between their servers.
//
// Of two nodes the one with the lower number connects to the other, through a
// link of this pair alone (package linktest), so that any set of pairs can be
// parted. A link breaks in one of three ways: connections are cut and both ends
// know, or bytes vanish and nobody knows, or bytes wait.
//
// Processes live in groups of their own and end when their standard input does,
// so none outlives the harness; on Linux the kernel also kills those that are
// paused when the harness is.
package cluster
