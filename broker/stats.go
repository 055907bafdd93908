package broker

// Stats counts what went through one broker since it was opened. Bytes are
// payload bytes; subjects and protocol come on top.
type Stats struct {
	Sent          uint64 // messages handed to the link
	SentBytes     uint64
	Received      uint64 // messages handed to handlers
	ReceivedBytes uint64
	Dropped       uint64 // messages that did not fit a subscription's queue
}
