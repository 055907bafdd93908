// Package roles says which NATS subjects each kind of participant in a space needs,
// and no others: what a server lets it publish and subscribe to. docs/operating.md
// says what a role can and cannot do with them.
package roles

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// ErrRole means that there is no such role, or that something is missing.
var ErrRole = errors.New("roles: bad role")

// The roles.
const (
	Server   = "server"   // a replica that speaks for others and answers thin clients
	Device   = "device"   // a replica that writes some documents, as itself alone; see joinery.Config.OwnOnly
	Observer = "observer" // a replica that reads and does not write
	Client   = "client"   // a thin client
	Reader   = "reader"   // a thin client that does not write
)

// Names are all roles.
var Names = []string{Server, Device, Observer, Client, Reader}

// Who is a participant. A replica's ID is its replica id, a thin client's any word
// that no other has.
type Who struct {
	Role     string
	Space    string
	ID       string
	Patterns []string // documents that a Device writes and hears of; none is all
}

// Permissions are the subjects that a server allows. Behind a space there is the
// queue group that a subscription has to be in.
type Permissions struct {
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
	// Deny is what of Publish is not allowed.
	Deny []string `json:"publish_deny,omitempty"`
	// Inbox is the prefix of reply subjects that the connection has to use.
	Inbox string `json:"inbox_prefix"`
}

// inboxes are what the reply subjects of a space's participants begin with. Those who
// answer are told them, and not allow_responses: a server checks no reply subjects, so
// somebody who receives what he published himself could answer it to anywhere.
func inboxes(space string) string {
	return "_INBOX_joinery." + strings.ReplaceAll(string(message.AppendToken(nil, space)), ".", "%2E") + "."
}

var readings = []string{"hello", "seen", "status", "health", "open", "next", "close"}

var writings = []string{"write", "import", "delete", "resolve"}

// For returns the permissions of a participant.
func For(w Who) (*Permissions, error) {
	if err := message.CheckSpace(w.Space); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRole, err)
	}
	p := &Permissions{Inbox: inboxes(w.Space) + w.ID}
	p.Subscribe = []string{p.Inbox + ".>"}
	switch w.Role {
	case Client:
		return p, p.thin(w, append(append([]string{}, readings...), writings...))
	case Reader:
		return p, p.thin(w, readings)
	}
	id, err := causal.ParseID(w.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: a replica needs its id, a UUID: %w", ErrRole, err)
	}
	s := message.NewSubjects(w.Space, id)
	patterns, err := patternsOf(w)
	if err != nil {
		return nil, err
	}
	to := strings.TrimSuffix(s.To(causal.ID{}, message.KindPull), "ask."+id.String())
	to = strings.Replace(to, causal.ID{}.String(), "*", 1)
	p.Publish = []string{s.Probe(id), p.Inbox + ".>"}
	p.Subscribe = append(p.Subscribe, s.Mine(), s.Mine()+".>", s.Probe(id))
	for _, d := range patterns {
		p.Subscribe = append(p.Subscribe, s.Deltas(d), s.Relays(d), s.ScopeBeacons(d))
		p.speak(&s, to, id.String(), d)
	}
	switch own := s.Root() + "d." + id.String() + "."; w.Role {
	case Server:
		p.Publish = append(p.Publish, own+">", s.Root()+"f."+id.String()+".>", to+"own."+id.String(), to+"all."+id.String())
		p.Subscribe = append(p.Subscribe, s.Anys()+" "+message.Queue, s.Anys()+".> "+message.Queue)
		p.serve(w)
	case Device:
		for _, d := range patterns {
			p.about(to+"own."+id.String(), d)
			p.Publish = append(p.Publish, own+message.EncodePattern(d))
		}
	case Observer:
	default:
		return nil, fmt.Errorf("%w: %q; there are %s", ErrRole, w.Role, strings.Join(Names, ", "))
	}
	return p, nil
}

// speak adds what beacons and requests about the documents of a pattern take.
func (p *Permissions) speak(s *message.Subjects, to, id, pattern string) {
	if pattern == everything {
		p.Publish = append(p.Publish, s.Beacon(), s.Any(), to+"ask."+id)
		p.Subscribe = append(p.Subscribe, s.Beacons())
		return
	}
	for _, subject := range []string{s.Root() + "i." + id, s.Any(), to + "ask." + id} {
		p.about(subject, pattern)
	}
}

// about allows to speak about the documents of a pattern on a subject. A pattern that
// ends in "*" would allow the token that stands for ">" there, and so all below.
func (p *Permissions) about(subject, pattern string) {
	p.Publish = append(p.Publish, within(subject, pattern))
	if front, ok := strings.CutSuffix(within(subject, pattern), ".*"); ok {
		p.Deny = append(p.Deny, front+"."+string(message.AppendToken(nil, everything)))
	}
}

// everything is the pattern of all documents.
const everything = ">"

// within returns the subjects below one on which to speak about the documents of
// a pattern; the subject itself for all.
func within(subject, pattern string) string {
	if pattern == everything {
		return subject
	}
	return subject + "." + message.EncodePattern(pattern)
}

func patternsOf(w Who) ([]string, error) {
	if len(w.Patterns) == 0 {
		return []string{">"}, nil
	}
	if w.Role == Server {
		return nil, fmt.Errorf("%w: a server is for all documents", ErrRole)
	}
	for _, p := range w.Patterns {
		if err := message.CheckPattern(p); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRole, err)
		}
	}
	return w.Patterns, nil
}

// serve adds what answering thin clients takes.
func (p *Permissions) serve(w Who) {
	for _, who := range []string{protocol.Anyone, w.ID} {
		p.Subscribe = append(p.Subscribe, protocol.Subject(w.Space, who, "*")+" q")
	}
	p.Publish = append(p.Publish, inboxes(w.Space)+">", "_INBOX.>")
	p.Subscribe = append(p.Subscribe, "$SRV.*", "$SRV.*."+protocol.ServiceName, "$SRV.*."+protocol.ServiceName+".*")
}

// thin adds what asking takes.
func (p *Permissions) thin(w Who, operations []string) error {
	if w.ID == "" || strings.ContainsAny(w.ID, " .*>\t\r\n") {
		return fmt.Errorf("%w: a thin client needs a name of its own, one word without dots", ErrRole)
	}
	if len(w.Patterns) > 0 {
		return fmt.Errorf("%w: subjects of thin clients do not name documents; separate them by spaces", ErrRole)
	}
	for _, op := range operations {
		p.Publish = append(p.Publish, protocol.Subject(w.Space, "*", op))
	}
	p.Publish = append(p.Publish, "$SRV.INFO."+protocol.ServiceName)
	return nil
}

// Config writes a user for the authorization of nats-server's configuration. nkey
// is the user's public key.
func (p *Permissions) Config(nkey string) string {
	var b strings.Builder
	list := func(subjects []string) string {
		out, _ := json.Marshal(subjects) // texts always can be
		return strings.ReplaceAll(string(out), `\u003e`, ">")
	}
	fmt.Fprintf(&b, "{\n  nkey: %s\n  permissions: {\n", nkey)
	deny := ""
	if len(p.Deny) > 0 {
		deny = ", deny: " + list(p.Deny)
	}
	fmt.Fprintf(&b, "    publish: { allow: %s%s }\n", list(p.Publish), deny)
	fmt.Fprintf(&b, "    subscribe: { allow: %s }\n", list(p.Subscribe))
	b.WriteString("  }\n}\n")
	return b.String()
}

// NSC writes the arguments of "nsc add user" or "nsc edit user".
func (p *Permissions) NSC() string {
	var b strings.Builder
	for _, s := range p.Publish {
		fmt.Fprintf(&b, "--allow-pub '%s' ", s)
	}
	for _, s := range p.Subscribe {
		fmt.Fprintf(&b, "--allow-sub '%s' ", s)
	}
	for _, s := range p.Deny {
		fmt.Fprintf(&b, "--deny-pub '%s' ", s)
	}
	return strings.TrimSpace(b.String()) + "\n"
}
