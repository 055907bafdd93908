package sim

import "time"

// Options says how large the histories of [Generate] are and which faults they
// may have. Each seed draws its own mixture, so that single faults occur as
// well as all at once.
type Options struct {
	MaxReplicas int // at least 2; a history has 2 to this many
	MaxDocs     int
	MaxSteps    int           // actions in a history, at most
	Span        time.Duration // virtual time that they are spread over, at most
	Faults      Faults
	// Collect has the replicas fold counters, collect what nobody sees and forget
	// deleted documents, see [Tuning].
	Collect bool
	// Focus has every history meet the faults of Identity and Relays, not only some.
	Focus bool
	// Membership has members come, leave, be fenced and come back.
	Membership bool
	// Ladder has replicas catch up on every rung there is.
	Ladder bool
}

// Faults says which kinds of trouble may occur.
type Faults struct {
	Loss       bool // of single messages
	Duplicates bool
	Reordering bool // widely differing delays
	Cuts       bool // one-way cuts, partitions, rings
	Clogs      bool
	Clocks     bool // skews of up to a year, steps, freezes, boots in 1970
	Pauses     bool
	Crashes    bool
	Disk       bool // slow and stalled syncs, lost and torn tails, failed writes and syncs
	Restores   bool // of old copies
	Clones     bool
	Members    bool // replicas that arrive and leave
	Offline    bool // announced loss of the link
	SmallLogs  bool // so that units are gone when they are asked for
	Expiry     bool // writes that expire
	Large      bool // values of kilobytes and small messages, so that there are transfers
	Mixed      bool // replicas of a later release among the others
	// Identity is what happens to disks and with that to who a replica is: clean
	// stops, after which it goes on as the same actor; copies that are started
	// besides, or in place of a newer one; empty disks; damaged documents. Unlike
	// Clones, none may lead to two payloads of one dot.
	Identity bool
	// Thrift gives some histories a budget of a few kilobytes a second.
	Thrift bool
	// Interest has replicas that hold some documents, and change which.
	Interest bool
	// Relays has two or three messaging systems in a row or a circle, with relays
	// between them.
	Relays bool
}

// AllFaults is everything that can go wrong.
func AllFaults() Faults {
	return Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Clocks: true,
		Pauses: true, Crashes: true, Restores: true, Clones: true, Members: true, Offline: true,
		SmallLogs: true, Large: true, Mixed: true, Disk: true, Identity: true, Relays: true, Expiry: true, Thrift: true, Interest: true,
	}
}

// Small returns options for many short histories: a few replicas and dozens of
// steps find most of what is wrong.
func Small() Options {
	return Options{MaxReplicas: 4, MaxDocs: 3, MaxSteps: 40, Span: 2 * time.Second, Faults: AllFaults()}
}

// Long returns options for fewer, longer histories of more replicas.
func Long() Options {
	return Options{MaxReplicas: 12, MaxDocs: 12, MaxSteps: 600, Span: 20 * time.Second, Faults: AllFaults()}
}

// Identities returns options for histories about who a replica is: all of
// [Faults.Identity], crashes, lost messages and disks that lose their tails.
func Identities() Options {
	return Options{MaxReplicas: 4, MaxDocs: 2, MaxSteps: 40, Span: 2 * time.Second, Focus: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Crashes: true, Disk: true, Restores: true,
		Offline: true, SmallLogs: true, Identity: true,
	}}
}

// Choosy returns options for histories of replicas that hold some documents and
// change which, and all that happens to messages, links, processes and disks.
func Choosy() Options {
	return Options{MaxReplicas: 5, MaxDocs: 5, MaxSteps: 60, Span: 4 * time.Second, Focus: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Pauses: true, Crashes: true, Restores: true,
		Members: true, Offline: true, SmallLogs: true, Large: true, Disk: true, Mixed: true, Expiry: true, Interest: true,
	}}
}

// Relayed returns options for histories of several messaging systems with relays
// between them, and all that happens to messages, links and processes.
func Relayed() Options {
	return Options{MaxReplicas: 6, MaxDocs: 3, MaxSteps: 40, Span: 2 * time.Second, Focus: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Pauses: true, Crashes: true,
		Members: true, Offline: true, SmallLogs: true, Large: true, Mixed: true, Disk: true, Relays: true, Thrift: true,
	}}
}

// Memberships returns options for histories about members that come and go, and what
// is forgotten of them.
func Memberships() Options {
	return Options{MaxReplicas: 5, MaxDocs: 2, MaxSteps: 40, Span: 40 * time.Second, Membership: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Pauses: true, Crashes: true, Disk: true,
		Members: true, Offline: true, SmallLogs: true,
	}}
}

// Ladders returns options for histories about catching up: links that are cut again
// and again, processes that start anew in the middle, and logs that do not reach back.
func Ladders() Options {
	return Options{MaxReplicas: 4, MaxDocs: 2, MaxSteps: 40, Span: 8 * time.Second, Ladder: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Pauses: true, Crashes: true, Disk: true,
		Members: true, Offline: true, Mixed: true,
	}}
}

// Collected returns options for histories in which much is deleted: replicas fold,
// collect and forget, under all faults that leave their disks what they had synced.
func Collected() Options {
	return Options{MaxReplicas: 4, MaxDocs: 2, MaxSteps: 60, Span: 12 * time.Second, Collect: true, Faults: Faults{
		Loss: true, Duplicates: true, Reordering: true, Cuts: true, Clogs: true, Clocks: true, Pauses: true,
		Crashes: true, Disk: true, Offline: true, SmallLogs: true, Mixed: true,
	}}
}
