package story

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
)

// errOutcome means that what the replicas read is not what the types promise.
var errOutcome = errors.New("story: unexpected outcome")

// contact reads the fields that the story follows.
func (a *actor) contact() string {
	name, _, _ := joinery.Get[string](a.Doc(user).Register("name"))
	email, _, _ := joinery.Get[string](a.Doc(user).Register("email"))
	return fmt.Sprintf("name = %q, email = %q", name, email)
}

// conflict reads the same state in both ways, and what became of the rest.
func (p *play) conflict(ctx context.Context) error {
	p.title(ctx, "The conflict, and how it is read")
	d := p.actors[1].Doc(user)
	name, _, err := joinery.Get[string](d.Register("name"))
	if err != nil {
		return err
	}
	all, err := joinery.Siblings[string](d.Register("name"))
	if err != nil {
		return err
	}
	if len(all) != 2 || all[0].Value != name {
		return fmt.Errorf("%w: %d siblings of name, winner %q", errOutcome, len(all), name)
	}
	p.say("Two replicas wrote name without knowing of each other. Nothing was lost.\n" +
		"The reader chooses, on any replica, at any time. Here on replica-2:")
	p.line("LWW", "name = %q   (last writer wins)", name)
	for _, s := range all {
		p.line("sibling", "%q   by %s at %s", s.Value, p.nameOf(s.Replica), s.Time.Format("15:04:05.000"))
	}
	return p.merged(d)
}

// merged shows the fields whose types settle concurrency by themselves.
func (p *play) merged(d *joinery.Doc) error {
	p.say("The other fields need no choice:")
	visits := d.Counter("visits").Value()
	p.line("counter", "visits = %d   (1 + 5 + 2: no increment is lost)", visits)
	tags, err := joinery.Members[string](d.Set("tags"))
	if err != nil {
		return err
	}
	slices.Sort(tags)
	p.line("set", "tags = %s   (the union)", strings.Join(tags, ", "))
	street, _, err := joinery.Get[string](d.Map("address").Register("street"))
	if err != nil {
		return err
	}
	_, city, err := joinery.Get[string](d.Map("address").Register("city"))
	if err != nil {
		return err
	}
	p.line("map", "address = {street: %q}   (removed, but for the concurrent update)", street)
	if visits != 8 || len(tags) != 3 || street != "Nygata 9" || city {
		return fmt.Errorf("%w: visits %d, tags %v, street %q, city there: %v", errOutcome, visits, tags, street, city)
	}
	return nil
}

// settle resolves the conflict by an ordinary write.
func (p *play) settle(ctx context.Context) error {
	p.title(ctx, "A write that saw both settles it")
	two := p.actors[1]
	if err := two.Doc(user).Register("name").Set(ctx, "Alice Brown-Jones"); err != nil {
		return err
	}
	p.line(two.name, "name = %q", "Alice Brown-Jones")
	took, err := until(ctx, "the resolution to spread", p.equal)
	if err != nil {
		return err
	}
	for _, a := range p.actors {
		all, err := joinery.Siblings[string](a.Doc(user).Register("name"))
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("%w: %s still has %d siblings", errOutcome, a.name, len(all))
		}
	}
	p.say("%v later it is the only value on all three.", short(took))
	return nil
}

// proof prints the state hashes, and compares the exports besides.
func (p *play) proof(ctx context.Context) error {
	p.title(ctx, "The proof")
	p.result.Digest = fmt.Sprintf("%016x", p.actors[0].Status().Digest)
	first := export(p.actors[0].Replica)
	for _, a := range p.actors {
		text := export(a.Replica)
		p.line(a.name, "state hash %016x, export of %d bytes with SHA-256 %.8x...", a.Status().Digest, len(text), sha256.Sum256(text))
		if !bytes.Equal(text, first) {
			return fmt.Errorf("%w: the exports differ", errOutcome)
		}
	}
	if !p.equal() {
		return fmt.Errorf("%w: the state hashes differ", errOutcome)
	}
	return nil
}

// export writes all documents in their canonical form.
func export(r *joinery.Replica) (text []byte) {
	for name := range r.Docs(">") {
		text = record.Append(text, r.Doc(name))
	}
	return text
}
