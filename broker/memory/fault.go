package memory

import (
	"math/rand/v2"
	"time"

	"github.com/joinery-crdt/joinery/broker"
)

// Packet is what a fault decides on. Data is the publisher's: do not change or
// keep it.
type Packet struct {
	From    string // endpoint that published
	To      string // receiving endpoint; empty in Faults.Publish
	Subject string
	Data    []byte
}

// Verdict says what happens to a packet. The zero value lets it pass.
type Verdict struct {
	// Drop loses the packet; the rest of the verdict is then void.
	Drop bool
	// Duplicates is the number of extra copies, at most MaxDuplicates.
	Duplicates int
	// Delay keeps the packet until the network's clock has advanced by it.
	Delay time.Duration
	// Behind keeps the packet until that many later packets have taken the
	// same link, or until Network.Release.
	Behind int
	// Hold keeps the packet until Network.Release.
	Hold bool
}

// MaxDuplicates bounds the extra copies that one verdict can ask for.
const MaxDuplicates = 16

// Fault decides on packets. A network asks one question at a time, holding its
// lock, so a fault may keep state but must not call the network. Faults with
// state belong to one network.
type Fault func(Packet) Verdict

// Faults are the faults of a network. Nil ones let everything pass.
type Faults struct {
	// Publish is asked once for each published message: all receivers share
	// its verdict.
	Publish Fault
	// Link is asked once for each endpoint that is to receive the message.
	Link Fault
}

// DropEvery loses the nth, 2nth, 3nth ... packet that it sees. It panics if n
// is not positive.
func DropEvery(n int) Fault {
	if n <= 0 {
		panic("memory: DropEvery needs a positive n")
	}
	seen := 0
	return func(Packet) Verdict {
		seen++
		return Verdict{Drop: seen%n == 0}
	}
}

// OnSubject applies f to the packets whose subject matches pattern; others
// pass. It panics if the pattern is malformed.
func OnSubject(pattern string, f Fault) Fault {
	if err := broker.CheckPattern(pattern); err != nil {
		panic(err)
	}
	return When(func(p Packet) bool { return broker.Match(pattern, p.Subject) }, f)
}

// When applies f to the packets for which cond is true; others pass.
func When(cond func(Packet) bool, f Fault) Fault {
	return func(p Packet) Verdict {
		if !cond(p) {
			return Verdict{}
		}
		return f(p)
	}
}

// Drop loses every packet. Use it with When or OnSubject.
func Drop(Packet) Verdict { return Verdict{Drop: true} }

// Hold keeps every packet until Network.Release.
func Hold(Packet) Verdict { return Verdict{Hold: true} }

// Duplicate delivers every packet twice.
func Duplicate(Packet) Verdict { return Verdict{Duplicates: 1} }

// All asks every fault in turn and does everything that any of them says.
func All(faults ...Fault) Fault {
	return func(p Packet) Verdict {
		var v Verdict
		for _, f := range faults {
			v = v.and(f(p))
		}
		return v
	}
}

// and does what both verdicts say.
func (v Verdict) and(w Verdict) Verdict {
	return Verdict{
		Drop:       v.Drop || w.Drop,
		Duplicates: min(v.Duplicates+w.Duplicates, MaxDuplicates),
		Delay:      v.Delay + w.Delay,
		Behind:     max(v.Behind, w.Behind),
		Hold:       v.Hold || w.Hold,
	}
}

// Odds are the probabilities, from 0 to 1, with which Random harms a packet.
type Odds struct {
	Drop      float64
	Duplicate float64
	Reorder   float64       // falls behind 1 to 4 later packets of its link
	Delay     float64       // waits for a random part of MaxDelay
	MaxDelay  time.Duration // on the network's clock
}

// Random harms packets by the odds, from a generator with the seed given: the
// same packets in the same order meet the same fate.
func Random(seed uint64, odds Odds) Fault {
	rng := rand.New(rand.NewPCG(seed, seed))
	return func(Packet) Verdict { return odds.roll(rng) }
}

// roll draws the same number of values whatever the odds, so that changing one
// of them leaves the others' outcomes alone.
func (o Odds) roll(rng *rand.Rand) Verdict {
	drop, dup, reorder, delay := rng.Float64(), rng.Float64(), rng.Float64(), rng.Float64()
	behind, part := 1+rng.IntN(4), rng.Float64()
	v := Verdict{Drop: drop < o.Drop}
	if dup < o.Duplicate {
		v.Duplicates = 1
	}
	if reorder < o.Reorder {
		v.Behind = behind
	}
	if delay < o.Delay {
		v.Delay = time.Duration(part * float64(o.MaxDelay))
	}
	return v
}
