// Package node runs a replica: it owns the goroutines, the queues and the lock
// between a program's calls, the replica's state machine and a broker.
//
// One goroutine takes messages from a bounded inbox and lets time pass; one
// publishes from a bounded outbox, so that no caller waits for a socket while
// it holds the lock. Reads share a lock; a read sees every write that
// returned before. What overflows the inbox is dropped and counted: the
// protocol repairs it like any other loss.
package node
