package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// harms are what can happen to an entry. An engine that finds damage itself says
// so; a missing entry has no value to show it.
var harms = map[string]func(*store.Memory, []byte, *rand.Rand){
	"flipped bit": func(s *store.Memory, key []byte, rng *rand.Rand) {
		s.Corrupt(key, func(v []byte) []byte { v[rng.IntN(len(v))] ^= 1 << rng.IntN(8); return v })
	},
	"cut short": func(s *store.Memory, key []byte, rng *rand.Rand) {
		s.Corrupt(key, func(v []byte) []byte { return v[:rng.IntN(len(v))] })
	},
	"zeroed": func(s *store.Memory, key []byte, rng *rand.Rand) {
		s.Corrupt(key, func(v []byte) []byte { clear(v[rng.IntN(len(v)):]); return v })
	},
	"another's value": func(s *store.Memory, key []byte, rng *rand.Rand) {
		var like [][]byte
		for e := range s.Scan(key[:1], []byte{key[0] + 1}) {
			like = append(like, append([]byte(nil), e.Value...))
		}
		s.Corrupt(key, func([]byte) []byte { return like[rng.IntN(len(like))] })
	},
	"unreadable": func(s *store.Memory, key []byte, _ *rand.Rand) { s.Damage(key) },
	"missing": func(s *store.Memory, key []byte, _ *rand.Rand) {
		var b store.Batch
		b.Delete(key)
		_ = s.Apply(&b, true)
	},
}

// reload brings a document back into an empty replica, or says why not.
func (b *bench) reload(doc string) error {
	l, err := b.j.Load(doc)
	if err != nil {
		return err
	}
	if err := b.r.Restore(doc, l.Begin); err != nil {
		return err
	}
	for rec, err := range l.Records() {
		if err == nil {
			err = b.r.Load(rec)
		}
		if err != nil {
			return err
		}
	}
	for done := false; !done; {
		if done, err = l.Next(7); err != nil {
			return err
		}
	}
	return nil
}

// afresh opens a store as a replica starts with it.
func (b *bench) afresh(s *store.Memory) (*bench, error) {
	cfg := b.cfg
	cfg.Now = func() time.Time { return epoch }
	j, start, err := Open(s, cfg)
	if err != nil {
		return nil, err
	}
	again := &bench{t: b.t, cfg: cfg, store: s, j: j, damaged: start.Damaged}
	again.empty()
	return again, nil
}

// empty gives the bench a replica that holds nothing.
func (b *bench) empty() {
	b.t.Helper()
	b.seed++
	r, err := replica.New(replica.Config{ID: b.j.meta.id, Rand: rand.New(rand.NewPCG(b.seed, 9)), Clock: func() time.Time { return epoch }}, epoch)
	require.NoError(b.t, err)
	b.r = r
}

// heal puts a document aside that did not load, and checks what is left of it.
func (b *bench) heal(doc string, damage error, whole facts, full delta.Delta, about string) {
	t := b.t
	t.Helper()
	before := b.entries()
	salvaged, err := b.j.PutAside(doc, damage)
	require.NoError(t, err, about)
	require.LessOrEqual(t, before+len(salvaged), b.entries(), "%s: something was deleted", about)
	b.empty()
	for _, rec := range salvaged {
		require.NoError(t, b.r.Load(rec), about)
	}
	b.requirePart(doc, whole, about)
	require.NoError(t, b.reopen().reloadIfThere(doc), about)
	require.NoError(t, b.r.Load(replica.Record{Doc: doc, Delta: full}), about)
	require.Equal(t, whole.digest, b.r.View(doc).State().Digest(), "%s: not healed by a whole copy", about)
}

// entries counts those of documents, readable or not.
func (b *bench) entries() (n int) {
	for _, kind := range []byte{kindHead, kindRecord, kindRow} {
		for range each(b.store, []byte{kind}, []byte{kind + 1}) {
			n++
		}
	}
	return n
}

func (b *bench) reopen() *bench {
	b.t.Helper()
	again, err := b.afresh(b.store.Crash(nil))
	require.NoError(b.t, err)
	*b = *again
	return b
}

func (b *bench) reloadIfThere(doc string) error {
	if b.j.docs[doc] == nil {
		return nil
	}
	return b.reload(doc)
}

func (b *bench) requirePart(doc string, whole facts, about string) {
	b.t.Helper()
	d := b.r.View(doc)
	if d == nil {
		return
	}
	require.NoError(b.t, d.State().Verify(), about)
	require.Zero(b.t, d.State().Conflicts(), about)
	factsOf(d.State()).requireWithin(b.t, whole, about)
}

// original is an undamaged journal and what is in it.
type original struct {
	*bench
	facts map[string]facts
	full  map[string]delta.Delta
	keys  [][]byte
}

func newOriginal(t testing.TB) *original {
	o := &original{bench: sample(t), full: make(map[string]delta.Delta)}
	o.facts = o.bench.facts()
	for _, doc := range o.j.Docs() {
		o.full[doc] = o.r.View(doc).AppendState(nil)
	}
	o.keys = keys(t, o.store)
	return o
}

// suffer does one harm and checks that the whole is detected or harmless, that
// all else goes on, and that it heals. It reports whether it was detected.
func (o *original) suffer(how string, key []byte, rng *rand.Rand) (detected bool) {
	about := fmt.Sprintf("%s: %q", how, key)
	s := o.store.Copy()
	harms[how](s, key, rng)
	b, err := o.afresh(s)
	if err != nil {
		require.Equal(o.t, byte(kindMeta), key[0], about)
		return true
	}
	report, err := Verify(o.t.Context(), s, nil)
	require.NoError(o.t, err, about)
	detected = len(b.damaged)+len(report.Problems) > 0
	damaged := 0
	for doc, whole := range o.facts {
		if b.j.docs[doc] == nil {
			require.Equal(o.t, nameKey(doc), key, about)
			continue
		}
		err := b.reload(doc)
		if err == nil {
			b.requirePart(doc, whole, about)
			if key[0] != kindRecord || how != "missing" { // the last record may not have been written
				require.Equal(o.t, whole, factsOf(b.r.View(doc).State()), about)
			}
			continue
		}
		require.ErrorIs(o.t, err, store.ErrCorrupt, about)
		require.ErrorContains(o.t, err, doc, about)
		var c *store.CorruptError
		require.True(o.t, errors.As(err, &c) && len(c.Key) > 0, "%s: %v", about, err)
		b.heal(doc, err, whole, o.full[doc], about)
		damaged++
		detected = true
	}
	require.LessOrEqual(o.t, damaged, 1, about)
	return detected
}

func TestEveryDamageOfEveryEntryIsFoundOrHarmless(t *testing.T) {
	o := newOriginal(t)
	rng := rand.New(rand.NewPCG(1, 1))
	n, found := 0, map[string]int{}
	least := 5000
	if testing.Short() {
		least = 500
	}
	for n < least {
		for _, key := range o.keys {
			for how := range harms {
				if o.suffer(how, key, rng) {
					found[how]++
				}
				n++
			}
		}
	}
	t.Logf("%d damages of %d entries, found: %v", n, len(o.keys), found)
	require.Equal(t, n/len(harms), found["unreadable"], "what the engine says is never overheard")
}

func TestADamagedRowCostsNoOther(t *testing.T) {
	o := newOriginal(t)
	for _, how := range []string{"flipped bit", "unreadable"} {
		s, num := o.store.Copy(), o.j.docs["rows"].num
		key, err := first(s, numbered(kindRow, num), numbered(kindRow, num+1))
		require.NoError(t, err)
		harms[how](s, key, rand.New(rand.NewPCG(1, 2)))
		b, err := o.afresh(s)
		require.NoError(t, err)
		damage := b.reload("rows")
		require.ErrorIs(t, damage, store.ErrCorrupt)
		salvaged, err := b.j.PutAside("rows", damage)
		require.NoError(t, err)
		b.empty()
		for _, rec := range salvaged {
			require.NoError(t, b.r.Load(rec))
		}
		left, whole := factsOf(b.r.View("rows").State()), o.facts["rows"]
		left.requireWithin(t, whole, how)
		require.Equal(t, len(whole.live), len(left.live)+1)
		require.Equal(t, whole.context.Count(), left.context.Count()+1)
	}
}

func TestADamagedNameIsMendedIfItCanBe(t *testing.T) {
	o := newOriginal(t)
	s := o.store.Copy()
	s.Damage(nameKey("rows"))
	j, start, err := Open(s, o.cfg)
	require.NoError(t, err)
	require.Len(t, start.Damaged, 1)
	require.ErrorContains(t, start.Damaged[0], "mended")
	require.Equal(t, o.j.Docs(), j.Docs())
	b, err := o.afresh(s)
	require.NoError(t, err)
	require.NoError(t, b.reload("rows"))
	require.Equal(t, o.facts["rows"], factsOf(b.r.View("rows").State()))
}

func TestTwoDamagedNamesAreNotMistakenForEachOther(t *testing.T) {
	o := newOriginal(t)
	require.NoError(t, o.j.Close())
	s, err := o.store.Reopen()
	require.NoError(t, err)
	s.Damage(nameKey("rows"))
	s.Corrupt(nameKey("log"), func(v []byte) []byte { return v[:3] })
	j, start, err := Open(s, o.cfg)
	require.NoError(t, err)
	require.Len(t, start.Damaged, 2)
	require.Zero(t, start.Incarnation)
	require.Equal(t, []string{"rows.log", "state", "state.log"}, j.Docs())
	list := mustAside(t, j)
	require.Len(t, list, 2)
	require.Equal(t, "log", list[0].Doc)
	report, err := Verify(t.Context(), s, nil)
	require.NoError(t, err)
	require.Len(t, report.Problems, 2, "two numbers that nobody has")
	o.store, o.j = s, j
	o.empty()
	o.set("rows", "k", "new")
	o.append(true)
	require.Equal(t, 1, recordsOf(o.j.docs["rows"].num, t, s), "its number is a new one")
}

func recordsOf(num uint64, t testing.TB, s store.Reader) (n int) {
	for _, err := range s.Scan(numbered(kindRecord, num), numbered(kindRecord, num+1)) {
		require.NoError(t, err)
		n++
	}
	return n
}

func TestALostNameDoesNotLendItsNumber(t *testing.T) {
	o := newOriginal(t)
	last := uint64(0)
	for _, d := range o.j.docs {
		last = max(last, d.num)
	}
	for name, d := range o.j.docs {
		if d.num == last {
			var b store.Batch
			b.Delete(nameKey(name))
			require.NoError(t, o.store.Apply(&b, true))
		}
	}
	b, err := o.afresh(o.store.Copy())
	require.NoError(t, err)
	b.set("new", "k", "v")
	b.append(true)
	require.Equal(t, last+1, b.j.docs["new"].num)
}

func TestADamagedClockIsAWarning(t *testing.T) {
	o := newOriginal(t)
	o.store.Corrupt(clockKey, func(v []byte) []byte { return v[:1] })
	_, start, err := Open(o.store, o.cfg)
	require.NoError(t, err)
	require.Len(t, start.Damaged, 1)
	require.Zero(t, start.Mark)
}

func TestADamagedIdentitySaysWhatToDo(t *testing.T) {
	o := newOriginal(t)
	o.store.Damage(metaKey)
	_, _, err := Open(o.store, o.cfg)
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.ErrorContains(t, err, "restore a backup")
}
