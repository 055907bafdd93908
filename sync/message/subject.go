package message

import (
	"strings"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// Subjects are where the messages of one space go. All are below
// "joinery.SPACE", with the space's name encoded as one token:
//
//	joinery.SPACE.d.DOCUMENT   deltas of a document
//	joinery.SPACE.b            beacons
//	joinery.SPACE.q            requests to any replica, by a queue group
//	joinery.SPACE.r.ID         messages to one replica
//	joinery.SPACE.p.ID         probes of one replica's link
type Subjects struct {
	root string
}

// Queue is the name of the queue group on the request subject.
const Queue = "joinery"

// NewSubjects returns the subjects of a space.
func NewSubjects(space string) Subjects {
	token := strings.ReplaceAll(string(AppendToken(nil, space)), ".", "%2E")
	return Subjects{root: "joinery." + token}
}

// Delta returns the subject of a document's deltas.
func (s Subjects) Delta(doc string) string { return string(AppendToken([]byte(s.root+".d."), doc)) }

// Deltas returns the pattern of the deltas of all documents whose names match
// a pattern of tokens.
func (s Subjects) Deltas(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		if t != "*" && t != ">" {
			tokens[i] = string(AppendToken(nil, t))
		}
	}
	return s.root + ".d." + strings.Join(tokens, ".")
}

// Doc returns the document whose deltas go to a subject.
func (s Subjects) Doc(subject string) (string, error) {
	return ParseToken(strings.TrimPrefix(subject, s.root+".d."))
}

// Root returns what all subjects of the space begin with, its dot included.
func (s Subjects) Root() string { return s.root + "." }

// Beacon returns the subject of beacons.
func (s Subjects) Beacon() string { return s.root + ".b" }

// Any returns the subject of requests that any replica may answer.
func (s Subjects) Any() string { return s.root + ".q" }

// Replica returns the subject of messages to one replica.
func (s Subjects) Replica(id causal.ID) string { return s.root + ".r." + id.String() }

// Probe returns the subject on which a replica answers probes.
func (s Subjects) Probe(id causal.ID) string { return s.root + ".p." + id.String() }

// IsDelta reports whether a subject is one of a document's deltas.
func (s Subjects) IsDelta(subject string) bool { return strings.HasPrefix(subject, s.root+".d.") }
