package story

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/joinery-crdt/joinery"
)

// Result is how a story ended.
type Result struct {
	Converged bool    `json:"converged"`
	HealMs    float64 `json:"heal_ms"`       // from the link's return to equal replicas
	HealBytes uint64  `json:"heal_bytes"`    // sent by all replicas in that time
	HealMsgs  uint64  `json:"heal_messages"` // likewise
	Digest    string  `json:"digest"`        // the state hash of all replicas
}

// play is a story under way.
type play struct {
	*cast
	narrator
	result Result
}

// user is the document that the story is about.
const user = "user:123"

// apart is the time between the two writes that conflict.
const apart = 25 * time.Millisecond

// Tell plays the story and returns how it ended. An error means that it did
// not end well: the replicas did not converge, or something broke.
func Tell(ctx context.Context, out io.Writer, style Style) (Result, error) {
	c, err := assemble(ctx)
	if err != nil {
		return Result{}, err
	}
	defer c.dismiss()
	p := &play{cast: c, narrator: narrator{out: out, style: style}}
	for _, scene := range []func(context.Context) error{
		p.first, p.notYet, p.split, p.removal, p.heal, p.conflict, p.settle, p.proof,
	} {
		if err := scene(ctx); err != nil {
			return p.result, err
		}
	}
	p.result.Converged = true
	p.end(&p.result)
	return p.result, nil
}

// first introduces the replicas with a document that all of them hold.
func (p *play) first(ctx context.Context) error {
	p.title(ctx, "Three replicas of one space")
	p.say("A NATS server listens on %s. Each replica has a TCP connection of its\n"+
		"own to it, with %v of delay in each direction, as between two cities.", p.address(), delay)
	one := p.actors[0]
	took, err := timed(func() error {
		return one.Doc(user).Update(ctx, func(tx *joinery.Tx) error {
			return firstOf(
				tx.Register("name").Set(ctx, "Alice"),
				tx.Register("email").Set(ctx, "alice@example.com"),
				tx.Counter("visits").Inc(ctx, 1),
				tx.Set("tags").Add(ctx, "new"),
				tx.Map("address").Register("city").Set(ctx, "Oslo"),
				tx.Map("address").Register("street").Set(ctx, "Storgata 1"))
		})
	})
	if err != nil {
		return err
	}
	p.line(one.name, "writes %s: name, email, visits, tags, address, as one atomic update (%v)", user, took)
	took, err = until(ctx, "the first write to reach all", p.equal)
	if err != nil {
		return err
	}
	p.say("After %v all three hold it.", short(took))
	return nil
}

// notYet shows that a write is there at once for its writer, and later for others.
func (p *play) notYet(ctx context.Context) error {
	p.title(ctx, "A write that the others do not see yet")
	one, two := p.actors[0], p.actors[1]
	took, err := timed(func() error {
		return one.Doc(user).Update(ctx, func(tx *joinery.Tx) error {
			return firstOf(
				tx.Register("name").Set(ctx, "Alice Smith"),
				tx.Register("email").Set(ctx, "alice.smith@example.com"))
		})
	})
	before := two.contact()
	if err != nil {
		return err
	}
	p.line(one.name, "sets name and email (%v: a write waits for nobody)", took)
	p.say("Read in the same moment:")
	p.line(one.name, "%s", one.contact())
	p.line(two.name, "%s   <- not there yet", before)
	wait, err := until(ctx, "the write to reach replica-2", p.equal)
	if err != nil {
		return err
	}
	p.say("%v later:", short(wait))
	p.line(two.name, "%s", two.contact())
	return nil
}

// split cuts a replica off and lets both sides write the same fields.
func (p *play) split(ctx context.Context) error {
	p.title(ctx, "The network splits: replica-3 is cut off")
	one, three := p.actors[0], p.actors[2]
	three.link.Cut()
	if _, err := until(ctx, "replica-3 to notice", func() bool { return !three.Status().Online }); err != nil {
		return err
	}
	p.say("Both sides go on writing. No write fails, and none waits.")
	if err := p.married(ctx, one, "Alice Jones", 5, "vip"); err != nil {
		return err
	}
	rest(ctx, apart) // so that the later write is the later one by the clock
	if err := p.married(ctx, three, "Alice Brown", 2, "beta"); err != nil {
		return err
	}
	p.say("Each side reads its own:")
	p.line(one.name, "%s", one.contact())
	p.line(three.name, "%s", three.contact())
	return nil
}

// married is what both sides of the partition do, each its own way.
func (p *play) married(ctx context.Context, a *actor, name string, visits int64, tag string) error {
	d := a.Doc(user)
	took, err := timed(func() error {
		return firstOf(
			d.Register("name").Set(ctx, name),
			d.Counter("visits").Inc(ctx, visits),
			d.Set("tags").Add(ctx, tag))
	})
	p.line(a.name, "name = %q, visits +%d, tags + %q (%v)", name, visits, tag, took)
	return err
}

// removal removes a map on one side while the other changes a field in it.
func (p *play) removal(ctx context.Context) error {
	p.title(ctx, "A removal beside a concurrent update, still split")
	two, three := p.actors[1], p.actors[2]
	if err := two.Doc(user).Map("address").Remove(ctx); err != nil {
		return err
	}
	p.line(two.name, "removes the whole address (city, street)")
	if err := three.Doc(user).Map("address").Register("street").Set(ctx, "Nygata 9"); err != nil {
		return err
	}
	p.line(three.name, "address/street = %q", "Nygata 9")
	// Replica 1 and 2 are connected: what they know must be one state before
	// the heal is measured.
	one := p.actors[0]
	_, err := until(ctx, "replica-1 and replica-2 to agree", func() bool {
		return one.Status().Digest == two.Status().Digest
	})
	return err
}

// heal restores the link and measures what convergence costs.
func (p *play) heal(ctx context.Context) error {
	p.title(ctx, "The link comes back")
	if p.equal() {
		return fmt.Errorf("story: the replicas do not differ before the heal")
	}
	bytes, messages := p.traffic()
	p.actors[2].link.Restore()
	took, err := until(ctx, "the replicas to converge", p.equal)
	if err != nil {
		return err
	}
	after, sent := p.traffic()
	p.result.HealMs = float64(took.Microseconds()) / 1000
	p.result.HealBytes, p.result.HealMsgs = after-bytes, sent-messages
	p.say("%v after the link's return, reconnecting included, all three hold the same.\n"+
		"It took %d messages with %d bytes, beacons included.", short(took), p.result.HealMsgs, p.result.HealBytes)
	return nil
}

func timed(fn func() error) (time.Duration, error) {
	start := time.Now()
	err := fn()
	return short(time.Since(start)), err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
