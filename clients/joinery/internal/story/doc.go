// Package story is what "joinery demo" plays: three replicas that write,
// lose each other, disagree and converge, told so that a newcomer follows.
//
// Nothing in it is staged. The replicas talk through a NATS server over TCP,
// each on a link of its own that takes time and can be cut; what the story
// prints it has read from the replicas, and it ends well only if they hold
// the same at the end.
package story
