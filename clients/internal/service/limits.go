package service

import "time"

// Limits of a server.
const (
	// maxWrites bounds the writes that are under way at a time; further ones wait.
	maxWrites = 256
	// maxReads bounds the reads that are under way at a time; further ones wait.
	maxReads = 256
	// linesAtOnce bounds the lines of one import that wait for the disk together.
	linesAtOnce = 1024
	// maxAfter bounds the positions that one request waits for.
	maxAfter = 16
	// idleCursor is how long a cursor is kept that nobody asks for.
	idleCursor = time.Minute
	// closing bounds what ending a server takes.
	closing = 5 * time.Second
	// maxErrors bounds the errors that an answer to import lists.
	maxErrors = 100
)
