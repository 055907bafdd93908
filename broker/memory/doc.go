// Package memory is a broker inside one process, with faults on request.
//
// A [Network] connects named endpoints, each a [Broker]. What a real network
// does to messages by accident, this one does by order and repeatably: lose,
// duplicate, delay and reorder them ([Fault]), cut links in one direction or
// both, silently or not ([Network.Cut], [Network.Blackhole],
// [Network.Partition]), take endpoints down and up ([Network.Disconnect]),
// limit their payload. All randomness comes from seeds, and the network's clock
// stands still unless [Network.Advance] moves it.
//
// # Two ways to deliver
//
// By default each subscription has a goroutine that calls its handler, as with
// a real broker. With [Config].Manual no goroutine exists: messages wait until
// [Network.Step] or [Network.Deliver] hands them to their handlers in the
// caller's goroutine, in the order in which they were published or, with
// [Config].Shuffle, in a seeded random interleaving of subscriptions. A manual
// network that is driven by one goroutine runs the same way every time.
//
// # What is modelled
//
// A cut link is known to be down: a queue group is served by members that can
// be reached, and a probe ends with ErrNoResponders. A blackholed link is
// believed to be up: messages into it vanish, a queue group may choose a member
// behind it, and a probe waits for an answer in vain. The second is what a NATS
// leaf node's link does to clients until the servers notice.
//
// Interest spreads at once, and messages of one endpoint reach a subscription
// in order unless a fault says otherwise; neither holds for NATS. Probes and
// their answers feel cuts and blackholes but no faults.
package memory
