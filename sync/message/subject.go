package message

import (
	"errors"
	"fmt"
	"strings"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// ErrSubject means that a subject is none of a space's.
var ErrSubject = errors.New("message: not a subject of this space")

// Subjects are where the messages of one space go, as one replica publishes them.
// All are below "joinery.SPACE", with the space's name encoded as one token, and
// each but a probe's holds the id of who publishes, FROM:
//
//	joinery.SPACE.d.FROM.DOCUMENT   deltas of a document, by FROM itself
//	joinery.SPACE.f.FROM.DOCUMENT   deltas by others that FROM passes on
//	joinery.SPACE.b.FROM            beacons of replicas that hold all documents
//	joinery.SPACE.i.FROM.PATTERN    beacons about the documents that match a pattern
//	joinery.SPACE.q.FROM            requests to any replica that holds all, by a queue group
//	joinery.SPACE.r.TO.ask.FROM     requests to one replica, and what it needs to ask
//	joinery.SPACE.r.TO.own.FROM     answers with what FROM wrote itself
//	joinery.SPACE.r.TO.all.FROM     answers with what anybody wrote
//	joinery.SPACE.p.ID              probes of one replica's link
//
// So a server that lets a replica publish on subjects with its own id alone binds
// it to that id, and says whether it may speak for others.
//
// Those of q and r may end in .PATTERN: such a message is about documents that match
// it, and no others. Replicas that do not hold all say nothing anywhere else, so
// that permissions bind what they say, and what they are told, to their documents. A
// pattern's wildcards are encoded there: nothing is published to a wildcard.
type Subjects struct {
	root, self string
}

// Queue is the name of the queue group on the request subjects.
const Queue = "joinery"

// NewSubjects returns the subjects of a space on which self publishes.
func NewSubjects(space string, self causal.ID) Subjects {
	token := strings.ReplaceAll(string(AppendToken(nil, space)), ".", "%2E")
	return Subjects{root: "joinery." + token + ".", self: self.String()}
}

// Root returns what all subjects of the space begin with, its dot included.
func (s Subjects) Root() string { return s.root }

// Holds reports whether a subject is below the space's.
func (s Subjects) Holds(subject string) bool { return strings.HasPrefix(subject, s.root) }

// Delta returns the subject of a document's deltas.
func (s Subjects) Delta(doc string) string {
	return string(AppendToken([]byte(s.root+"d."+s.self+"."), doc))
}

// Relay returns the subject of a document's deltas that others wrote.
func (s Subjects) Relay(doc string) string {
	return string(AppendToken([]byte(s.root+"f."+s.self+"."), doc))
}

// Deltas returns the pattern of all deltas of the documents whose names match
// a pattern of tokens.
func (s Subjects) Deltas(pattern string) string { return s.root + "d.*." + EncodePattern(pattern) }

// Relays returns the pattern of all deltas that are passed on, likewise.
func (s Subjects) Relays(pattern string) string { return s.root + "f.*." + EncodePattern(pattern) }

// EncodePattern writes a pattern of document names as subjects carry it.
func EncodePattern(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		if t != "*" && t != ">" {
			tokens[i] = string(AppendToken(nil, t))
		}
	}
	return strings.Join(tokens, ".")
}

// Beacon returns the subject of beacons.
func (s Subjects) Beacon() string { return s.root + "b." + s.self }

// Beacons returns the pattern of all beacons.
func (s Subjects) Beacons() string { return s.root + "b.*" }

// ScopeBeacon returns the subject of beacons about the documents of a pattern.
func (s Subjects) ScopeBeacon(pattern string) string {
	return string(AppendToken([]byte(s.root+"i."+s.self+"."), pattern))
}

// ScopeBeacons returns the pattern of all beacons about all documents of a
// pattern, or some of them.
func (s Subjects) ScopeBeacons(pattern string) string {
	return s.root + "i.*." + EncodePattern(pattern)
}

// Within returns the subject, of those that Any and To return, on which to speak
// about the documents of a pattern alone; with an empty one the subject itself.
func (s Subjects) Within(subject, pattern string) string {
	if pattern == "" {
		return subject
	}
	return string(AppendToken([]byte(subject+"."), pattern))
}

// Any returns the subject of requests that any replica may answer.
func (s Subjects) Any() string { return s.root + "q." + s.self }

// Anys returns the pattern of all such requests.
func (s Subjects) Anys() string { return s.root + "q.*" }

// To returns the subject of a message of some kind to one replica.
func (s Subjects) To(to causal.ID, k Kind) string {
	return s.root + "r." + to.String() + "." + string(k.room()) + "." + s.self
}

// Mine returns the pattern of all messages to this replica.
func (s Subjects) Mine() string { return s.root + "r." + s.self + ".*.*" }

// Probe returns the subject on which a replica answers probes.
func (s Subjects) Probe(id causal.ID) string { return s.root + "p." + id.String() }

// room is a group of subjects. Which one a message may go to depends on its kind,
// so that permissions bind what may be said.
type room string

const (
	roomDelta  room = "d"
	roomRelay  room = "f"
	roomBeacon room = "b"
	roomScope  room = "i"
	roomAny    room = "q"
	roomAsk    room = "ask"
	roomOwn    room = "own"
	roomAll    room = "all"
)

// room returns where a message of this kind goes if it goes to one replica, or
// is a delta.
func (k Kind) room() room {
	switch k {
	case KindDelta:
		return roomDelta
	case KindRelay:
		return roomRelay
	case KindOwn:
		return roomOwn
	case KindPush, KindChunk, KindTable, KindReply:
		return roomAll
	}
	return roomAsk
}

// isToOne reports whether the room is for messages to one replica.
func (r room) isToOne() bool { return r == roomAsk || r == roomOwn || r == roomAll }

// fits reports whether a message of this kind may come on a subject of the room.
// A chunk is taken for what the answer that announced it was.
func (k Kind) fits(r room) bool {
	switch k {
	case KindMuster, KindCover:
		return r == roomBeacon
	case KindBeacon:
		return r == roomBeacon || r == roomScope || r == roomAsk
	case KindPull, KindSurvey:
		return r == roomAny || r == roomAsk
	case KindChunk:
		return r == roomAll || r == roomOwn
	}
	return r == k.room()
}

// Check returns the document of the subject on which a message came, or the
// pattern of the documents that it may speak of: "" if it is of none. An error means
// that who published it may not say this there: the message is of another sender
// than the subject, or of a kind that belongs elsewhere. It does not look further than
// the message's header.
func (s Subjects) Check(subject string, data []byte) (doc, scope string, err error) {
	kind, from, ok := peek(data)
	if !ok {
		return "", "", fmt.Errorf("%w: no header", ErrMalformed)
	}
	rest, ok := strings.CutPrefix(subject, s.root)
	if !ok {
		return "", "", fmt.Errorf("%w: %q", ErrSubject, subject)
	}
	name, rest, _ := strings.Cut(rest, ".")
	toOne := name == "r"
	if toOne {
		_, rest, _ = strings.Cut(rest, ".")
		name, rest, _ = strings.Cut(rest, ".")
	}
	in := room(name)
	if toOne != in.isToOne() {
		return "", "", fmt.Errorf("%w: %q", ErrSubject, subject)
	}
	sender, about, more := strings.Cut(rest, ".")
	if sender != from.String() || more && in == roomBeacon || more != (about != "") {
		return "", "", fmt.Errorf("%w: %q has a message of %v", ErrSubject, subject, from)
	}
	if !kind.fits(in) || in == roomScope && !more {
		return "", "", fmt.Errorf("%w: %q has a %v", ErrSubject, subject, kind)
	}
	if about, err = ParseToken(about); err != nil {
		return "", "", err
	}
	if in == roomDelta || in == roomRelay {
		return about, "", nil
	}
	return "", about, nil
}
