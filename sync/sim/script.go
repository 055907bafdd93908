package sim

import "time"

// Script is one history. The zero value of a field is its default.
type Script struct {
	// Seed feeds the network and the replicas' own random sources.
	Seed uint64
	// Replicas is how many there are at the beginning.
	Replicas int
	Net      Net
	Disk     Disk
	Tuning   Tuning
	// Actions happen in the order of their times, equal ones as listed.
	Actions []Action
	Expect  Expect
}

// Net is how the network treats every message while there are faults.
type Net struct {
	Loss      float64 // chance that a delivery is lost
	Duplicate float64 // chance that it comes twice
	Echo      bool    // senders get their own broadcasts, too
	DelayMin  time.Duration
	DelayMax  time.Duration
	// DropEvery loses every n-th delta message on its way to everybody, in the
	// liveness phase, too; 0 loses none.
	DropEvery int
	// Storm keeps loss, duplicates and delays as they are in the liveness phase.
	Storm bool
}

// Disk is how long disks take while there are faults. At the end they are all
// as fast as the zero value.
type Disk struct {
	// Sync is how long a sync takes at most; 0: all is durable at once.
	Sync time.Duration
	// Slow is the chance that one may take 50 times as long.
	Slow float64
}

// Tuning is what the replicas are configured with; zero is their default.
type Tuning struct {
	MaxMessage int
	LogBytes   int
	FlushAge   time.Duration
	// Commit has each replica make its writes durable after every so many of them,
	// whether or not they can be sent; 0: they are recorded once they are sent. Not
	// with a small MaxMessage: what is sent may then be cut elsewhere than what was
	// recorded, and the ledger takes a record for a unit, which nobody may cut.
	Commit int
	// Trip is how many bytes may be spent to save a round trip, as in
	// [replica.Config]; a large negative number has replicas compare live dots
	// wherever that is possible.
	Trip int
	// Curt is the share of tables that go out as replicas with less room would send
	// them, or others: without news, without a table, or one that does not suffice.
	Curt float64
	// Members has the replicas keep a membership.
	Members bool
	// Newer is how many replicas, from the first on, are of a later release:
	// they add an optional part to every unit that they send, and now and then
	// send what others must refuse.
	Newer int
	// Collect has the replicas know what all of them hold durably, as of their
	// beacons, and with that fold, collect and forget.
	Collect bool
	// Budget is how many bytes a second each replica may send; 0 is no limit.
	Budget int
	// Systems is how many messaging systems there are; 0 is one. The first
	// replicas are relays, each of two of them that follow each other; the others
	// are of one each, in turn.
	Systems int
	// Loop has the systems in a circle: one relay more, from the last to the first.
	Loop bool
	// Devices is how many replicas, to the last of those at the start, may speak
	// for themselves alone.
	Devices int
}

// Expect is what has to hold at the end, besides convergence.
type Expect struct {
	Within   time.Duration // bound of the liveness phase; 0 is [Bound]
	NoFrames bool          // nobody sends a whole state
	Alarms   []string      // kinds that somebody raises
	Holds    []Holding     // what all replicas hold
}

// Holding is what a register holds: the values of all siblings, sorted.
type Holding struct {
	Doc    string
	Path   string
	Values []string
}

// Bound is within which virtual time after the last fault all replicas hold
// the same: a few beacons of one second each. Of 100,000 histories with all
// faults the mean took 0.11 s and the slowest 3.9 s. Generated histories whose
// storms do not end, or that have relays, have three times as long.
const Bound = 5 * time.Second

// Verb is what an action does.
type Verb string

// The verbs. N, M stand for the action's replica and its peer.
const (
	Write     Verb = "write"     // N runs Ops on Doc, one after the other
	Update    Verb = "update"    // N runs Ops as one atomic group
	Abort     Verb = "abort"     // as Update, but the group fails at its end
	Cut       Verb = "cut"       // messages from N to M are lost
	Join      Verb = "link"      // and get through again
	Partition Verb = "partition" // cut all links between replicas below Amount and others
	Ring      Verb = "ring"      // leave only links to neighbours
	Heal      Verb = "heal"      // end all cuts and clogs
	Clog      Verb = "clog"      // what N sends to M is kept back for Time
	Skew      Verb = "skew"      // N's physical clock jumps by Time
	Epoch     Verb = "epoch"     // N's physical clock says 1970
	Freeze    Verb = "freeze"    // N's physical clock stands still; again: it goes on
	Offline   Verb = "offline"   // N is told that its link is down, which is so
	Online    Verb = "online"    // and up again
	Pause     Verb = "pause"     // N does nothing; messages wait
	Resume    Verb = "resume"    // N goes on
	Crash     Verb = "crash"     // N dies: at once if its disk has anything to sync, else as it writes; Amount records of that survive
	Tear      Verb = "tear"      // as Crash, and a part of the next record is on the disk
	FailWrite Verb = "failwrite" // N's next write fails after Amount records and a part of the next; N stops
	FailSync  Verb = "failsync"  // N's next sync fails; N stops, Amount records of what was to be synced survive
	Stall     Verb = "stall"     // no sync of N's disk ends before Time has passed
	Restart   Verb = "restart"   // N starts from what it had kept
	Restore   Verb = "restore"   // N starts from the first Amount records
	Clone     Verb = "clone"     // a copy of N's disk runs as a new process under N's identity
	Arrive    Verb = "arrive"    // an empty replica joins
	Retire    Verb = "retire"    // N leaves the space, and ends once all others have all that it has
	Fence     Verb = "fence"     // N has the members not wait for M, which may come back
	Lose      Verb = "lose"      // N has the members give up M, which is gone
	Leave     Verb = "leave"     // N ends for good if others hold all that it has
	Stop      Verb = "stop"      // N ends cleanly: all is synced, and it goes on as the same actor at its next start
	Copy      Verb = "copy"      // as Clone, of the first Amount records, and the copy is told from the disk: it starts as another actor
	Wipe      Verb = "wipe"      // N starts with an empty disk
	Forget    Verb = "forget"    // N dies, if it runs, and finds Doc damaged when it starts: it has nothing of it any more
)

// Interest has N take an interest in the documents of Doc, patterns joined by commas, and
// give up all others; empty: in all.
const Interest Verb = "interest"

// Action is one step of a history.
type Action struct {
	At     time.Duration
	Do     Verb
	Node   int
	Peer   int
	Amount int
	Time   time.Duration
	Doc    string
	Ops    []Op
}

// Op is one write to a document.
type Op struct {
	Do   OpVerb
	Path string // field names down to the field written, by "/"
	Elem string // of sets and LWW maps
	// Value is what is written; counters add Amount.
	Value  string
	Amount int64
	// Size makes the value longer, in bytes.
	Size int
	// At is an explicit timestamp, as a distance from the beginning.
	At *time.Duration
	// TTL makes what is written expire.
	TTL time.Duration
	// Over, if not nil, is a replica whose reader the write comes from: it
	// supersedes what lives there and nothing else.
	Over *int
}

// OpVerb is a mutator of a view.
type OpVerb string

// The mutators.
const (
	Set       OpVerb = "set"       // register
	Clear     OpVerb = "clear"     // register
	Add       OpVerb = "add"       // to an add-wins set
	Remove    OpVerb = "remove"    // from an add-wins set
	RWAdd     OpVerb = "rwadd"     // to a remove-wins set
	RWRemove  OpVerb = "rwremove"  // from a remove-wins set
	Enable    OpVerb = "enable"    // enable-wins flag
	Disable   OpVerb = "disable"   // enable-wins flag
	DWEnable  OpVerb = "dwenable"  // disable-wins flag
	DWDisable OpVerb = "dwdisable" // disable-wins flag
	Inc       OpVerb = "inc"       // counter
	Reset     OpVerb = "reset"     // counter
	Lapse     OpVerb = "lapse"     // the whole document, after TTL
	Put       OpVerb = "put"       // into an LWW map
	Delete    OpVerb = "delete"    // from an LWW map
	Prune     OpVerb = "prune"     // remove the map at the path, with all below
)
