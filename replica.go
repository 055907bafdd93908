package joinery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/sync/node"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Replica is one replica of a space. All methods are safe for concurrent use.
type Replica struct {
	node       *node.Node
	id         ID
	limits     limits
	maxMessage int // as configured, 0 for the default
	bridges    int // of a relay
}

// ID returns the replica's identity.
func (r *Replica) ID() ID { return r.id }

// Actor returns whom the replica writes as: its identity and its incarnation, a new
// one whenever it may have forgotten what it wrote before.
func (r *Replica) Actor() string { return r.node.Actor().String() }

// Doc returns a handle on a document, whether it exists or not. A name is one
// or more tokens separated by dots, up to 256 bytes of UTF-8; a bad one is
// refused by the first write.
func (r *Replica) Doc(name string) *Doc {
	return &Doc{fields: fields{target: target{replica: r, doc: name}}}
}

// Interest returns the patterns of the documents that the replica holds, sorted;
// ">" is all.
func (r *Replica) Interest() []string { return r.node.Interest() }

// SetInterest changes which documents the replica holds; no pattern is all. What is
// new comes from the others, in the background. What is given up can't be written
// from here on, and is kept until another replica that goes on holding it is known
// to hold the same; then it is dropped, from the Store too, and SetInterest returns.
// If ctx ends before, it returns [ErrNotHandedOver]: the interest has changed, and
// what was given up is dropped when it can be. Changing nothing harms nothing.
func (r *Replica) SetInterest(ctx context.Context, patterns ...string) error {
	err := r.node.SetInterest(ctx, patterns)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replica.ErrConfig), errors.Is(err, ErrName):
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return fmt.Errorf("joinery: interest: %w", err)
}

// Status is a replica's condition at one moment.
type Status struct {
	Space  string `json:"space"`
	ID     ID     `json:"-"`
	Actor  string `json:"actor"`
	Online bool   `json:"online"` // the connection is up
	// Gone is set if the connection was closed for good: nothing will be sent
	// or received any more, until a Rebind.
	Gone   bool   `json:"gone,omitempty"`
	Digest uint64 `json:"-"` // equal at replicas that hold the same
	Docs   int    `json:"docs"`
	// Interest is the patterns of the documents that it holds, ">" for all, and
	// Leaving how many patterns were given up whose documents it keeps until
	// another replica is known to hold them.
	Interest []string `json:"interest"`
	Leaving  int      `json:"leaving,omitempty"`
	// Pending is how many documents have writes that were not sent.
	Pending int `json:"pending"`
	// Peers are the other replicas heard of, by ID.
	Peers []PeerStatus `json:"peers"`
	// Drifting are the replicas whose last timestamps were further ahead of this
	// one's clock than MaxDrift, by ID, up to 64. They were merged all the same; see
	// docs/clocks.md.
	Drifting []Drifting `json:"drifting,omitempty"`
	// Stats counts since the replica was opened.
	Stats Stats `json:"stats"`
	// Loading is how many documents are not in memory yet, of Stored in the
	// Store at the start. Until it is 0 the replica does not join the others.
	Loading int `json:"loading,omitempty"`
	Stored  int `json:"stored,omitempty"`
	// Damaged is how many documents were found damaged in the Store since the
	// replica was opened, and put aside there. Other replicas bring them back.
	Damaged int `json:"damaged,omitempty"`
	// Failed says why the Store takes no more writes, if it failed.
	Failed string `json:"failed,omitempty"`
	// Incoming are the documents that are being fetched in chunks, as they are large
	// or this replica is new, by name.
	Incoming []Incoming `json:"incoming,omitempty"`
	// Bridges are the further transports of a relay, as in Config.Relay.
	Bridges []BridgeStatus `json:"bridges,omitempty"`
	// Denied lists subjects that the server refused for want of permission
	// since the replica was opened or rebound, up to 16.
	Denied []string `json:"denied,omitempty"`
}

// BridgeStatus is the condition of a bridge.
type BridgeStatus struct {
	Space  string `json:"space"`
	Online bool   `json:"online"`
	Gone   bool   `json:"gone,omitempty"` // its connection was closed for good
}

// Incoming says how far a document is fetched from another replica. Nothing of it
// shows before all of it is there.
type Incoming struct {
	Doc      string `json:"doc"`
	From     ID     `json:"-"`
	Name     string `json:"from"`
	Received uint64 `json:"received"` // bytes
	Size     uint64 `json:"size"`
	// Waiting is set while the other replica is silent. It goes on where it was, or
	// with what is missing from somebody else.
	Waiting bool `json:"waiting,omitempty"`
}

// PeerStatus says when another replica was last heard of, and whether it held
// the same then as this one does now.
type PeerStatus struct {
	ID    ID        `json:"-"`
	Name  string    `json:"id"`
	Heard time.Time `json:"heard"`
	Equal bool      `json:"equal"`
}

// Drifting is a replica whose clock is too far ahead, or whose program gives
// timestamps of its own that are; or this replica's clock is behind.
type Drifting struct {
	ID    ID            `json:"-"`
	Name  string        `json:"id"`
	Ahead time.Duration `json:"ahead_ns"` // of its last timestamp, when that came
	When  time.Time     `json:"when"`
}

// Stats counts what a replica did.
type Stats struct {
	Writes      uint64 `json:"writes"`       // events minted
	UnitsSent   uint64 `json:"units_sent"`   // deltas broadcast
	UnitsMerged uint64 `json:"units_merged"` // deltas that brought news
	Duplicates  uint64 `json:"duplicates"`   // deltas that brought none
	Holes       uint64 `json:"holes"`        // losses noticed on arrival
	Pulls       uint64 `json:"pulls"`        // requests for what was missed
	Served      uint64 `json:"served"`       // such requests answered
	FramesSent  uint64 `json:"frames_sent"`  // answers from live state, as the log no longer reached
	Transfers   uint64 `json:"transfers"`    // such answers fetched in chunks
	Compared    uint64 `json:"compared"`     // times that only what differs was found and exchanged, without a log
	Published   uint64 `json:"published"`    // messages handed to the transport
	Unsent      uint64 `json:"unsent"`       // messages that could not be
	Dropped     uint64 `json:"dropped"`      // messages lost to a full queue, then repaired
	Refused     uint64 `json:"refused"`      // messages malformed, foreign or above a limit
	Forged      uint64 `json:"forged"`       // of these, events of others from who may not speak for them
	Held        uint64 `json:"held"`         // messages that waited for the Budget
	Passed      uint64 `json:"passed"`       // deltas that a relay passed on, once a link
	Conflicts   uint64 `json:"conflicts"`    // writes that share a name with another one: an identity used twice
	Quarantined uint64 `json:"quarantined"`  // values put aside because of that, see Replica.Quarantined
	Drifts      uint64 `json:"drifts"`       // deltas from clocks too far ahead
	Alarms      uint64 `json:"alarms"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	LogBytes    int    `json:"log_bytes"`
}

// Status returns the replica's condition.
func (r *Replica) Status() Status {
	s := r.node.Status()
	c := &s.Replica
	out := Status{
		Space: s.Space, ID: r.id, Actor: s.Actor.String(), Online: s.Online, Gone: s.Gone, Digest: s.Digest,
		Docs: c.Docs, Interest: s.Interest, Leaving: s.Leaving, Pending: c.Pending, Denied: s.Denied,
		Stats: Stats{
			Writes: c.Writes, UnitsSent: c.UnitsSent, UnitsMerged: c.UnitsMerged, Duplicates: c.Duplicates,
			Holes: c.Holes, Pulls: c.PullsSent, Served: c.PullsServed, FramesSent: c.FramesSent,
			Transfers: c.Transfers, Compared: c.Ladder.Compared + c.Ladder.News, Published: s.Published, Unsent: s.Unsent, Dropped: s.Dropped,
			Refused: c.Refused, Forged: c.Forged, Passed: c.Passed, Held: c.Held, Conflicts: c.Conflicts, Quarantined: c.Quarantined, Drifts: c.Drifts, Alarms: s.Alarms,
			BytesIn: c.BytesIn, BytesOut: c.BytesOut, LogBytes: c.LogBytes,
		},
	}
	if out.Loading, out.Stored, out.Damaged = s.Loading, s.Loaded, s.Damaged; s.Failed != nil {
		out.Failed = s.Failed.Error()
	}
	for _, x := range s.Incoming {
		out.Incoming = append(out.Incoming, Incoming{x.Doc, x.From, x.From.String(), x.Received, x.Size, x.Waiting})
	}
	for _, b := range s.Bridges {
		out.Bridges = append(out.Bridges, BridgeStatus(b))
	}
	for _, p := range s.Peers {
		out.Peers = append(out.Peers, PeerStatus{p.ID, p.ID.String(), p.Heard, p.Equal})
	}
	for _, d := range s.Drifting {
		out.Drifting = append(out.Drifting, Drifting{d.ID, d.ID.String(), d.Ahead, d.When})
	}
	slices.SortFunc(out.Peers, func(a, b PeerStatus) int { return a.ID.Compare(b.ID) })
	return out
}

// Drain sends what is pending and returns when the server has it. That says
// nothing about other replicas; Peers in the Status does. Without a connection
// it fails at once; the writes stand and are sent when there is one.
func (r *Replica) Drain(ctx context.Context) error {
	needs(ctx)
	if err := r.node.Drain(ctx); err != nil {
		return fmt.Errorf("joinery: drain space: %w", err)
	}
	return nil
}

// Loaded returns when all documents are in memory. Without a Store they always
// are. With one a replica serves from the first moment on, and reads that ask for
// what is not there yet wait for it; after Loaded no read waits for the disk.
func (r *Replica) Loaded(ctx context.Context) error {
	needs(ctx)
	if err := r.node.Loaded(ctx); err != nil {
		return fmt.Errorf("joinery: load: %w", err)
	}
	return nil
}

// Close ends the replica; its documents can be read still. Its connection and
// its Store stay open. What is pending is handed to a connection that is up, without
// waiting for the server: Drain before to be sure. With a Store everything is
// on the disk when it returns nil; without, what no other replica has is gone
// with the process.
func (r *Replica) Close() error { return r.node.Close() }
