// Package node runs a replica: it owns the goroutines, the queues and the lock
// between a program's calls, the replica's state machine and a broker.
//
// One goroutine takes messages from a bounded inbox and lets time pass; one
// publishes from a bounded outbox, so that no caller waits for a socket while
// it holds the lock. Reads share the lock; a read sees every write that
// returned before. What overflows a queue is dropped and counted: the
// protocol repairs it like any other loss. A link that is stuck delays a write
// by a fraction of a second at most, and only the first.
//
// A [Watcher] collects which places changed. All changes of one write, or of
// one merge, come to it together.
package node
