package journal

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// bench is a replica with its journal.
type bench struct {
	t     testing.TB
	cfg   Config
	store *store.Memory
	j     *Journal
	r     *replica.Replica
	seed  uint64

	damaged []error // as the start said
}

var epoch = time.Unix(1e9, 0)

func newBench(t testing.TB, cfg Config) *bench {
	cfg.NewID = causal.ID{1}
	b := &bench{t: t, cfg: cfg, store: store.NewMemory()}
	b.start()
	return b
}

// start opens what is in the store.
func (b *bench) start() Start {
	b.t.Helper()
	j, start, err := Open(b.store, b.cfg)
	require.NoError(b.t, err)
	b.seed++
	r, err := replica.New(replica.Config{ID: start.ID, Incarnation: start.Incarnation, Mark: start.Mark,
		Rand: rand.New(rand.NewPCG(b.seed, 7)), Clock: func() time.Time { return epoch }}, epoch)
	require.NoError(b.t, err)
	b.j, b.r = j, r
	return start
}

// load brings a document back, whole or only so far that it can be written.
func (b *bench) load(doc string) *Loading {
	b.t.Helper()
	l, err := b.j.Load(doc)
	require.NoError(b.t, err)
	require.NoError(b.t, b.r.Restore(doc, l.Begin))
	for rec, err := range l.Records() {
		require.NoError(b.t, err)
		require.NoError(b.t, b.r.Load(rec))
	}
	return l
}

func (b *bench) loadAll() {
	b.t.Helper()
	for _, doc := range b.j.Docs() {
		b.finish(b.load(doc))
	}
}

func (b *bench) finish(l *Loading) {
	b.t.Helper()
	for done := false; !done; {
		var err error
		done, err = l.Next(3)
		require.NoError(b.t, err)
	}
}

func (b *bench) append(sync bool, captured ...*Checkpoint) {
	b.t.Helper()
	b.r.Commit(epoch)
	out := b.r.Ready()
	require.NoError(b.t, b.j.Append(out.Records, Life{b.r.Actor().Incarnation, b.r.Mark(), b.r.Floor()}, sync, captured...))
}

func (b *bench) set(doc, key, value string) {
	b.t.Helper()
	require.NoError(b.t, b.r.Write(epoch, doc, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
	}))
}

func (b *bench) remove(doc, key string) {
	b.t.Helper()
	require.NoError(b.t, b.r.Write(epoch, doc, func(d *crdt.Document) error {
		return d.Remove(kernel.Root, crdt.TagRegister, key, crdt.Options{})
	}))
}

func (b *bench) get(doc, key string) string {
	if d := b.r.View(doc); d != nil {
		l, _ := d.Latest(kernel.Root, crdt.TagRegister, key)
		return l.Value
	}
	return ""
}

// read is a document for a checkpoint to look at.
func (b *bench) read(doc string) func(func(*crdt.Document)) {
	return func(fn func(*crdt.Document)) { fn(b.r.View(doc)) }
}

func (b *bench) checkpoint(doc string) {
	b.t.Helper()
	b.append(false)
	c := b.j.Capture(doc, b.r.View(doc))
	require.NotNil(b.t, c)
	b.append(false, c)
	require.NoError(b.t, c.Write(b.read(doc), nothing))
}

// crash loses all but n of the batches that were not synced.
func (b *bench) crash(keep func(unsynced int) int) {
	b.store = b.store.Crash(keep)
	b.start()
}

// nothing is for checkpoints beside which nobody writes.
func nothing() error { return nil }

func all(n int) int  { return n }
func none(n int) int { return 0 }

var small, rows = Config{}, Config{SmallState: 1, MinRecords: 1}

func TestRecordsComeBack(t *testing.T) {
	b := newBench(t, small)
	b.set("a", "k", "1")
	b.set("b", "k", "2")
	b.append(true)
	b.set("a", "k", "lost")
	b.append(false)
	digest := b.r.Digest()
	b.crash(none)
	require.Equal(t, []string{"a", "b"}, b.j.Docs())
	b.loadAll()
	require.Equal(t, "1", b.get("a", "k"))
	require.Equal(t, "2", b.get("b", "k"))
	require.NotEqual(t, digest, b.r.Digest())
}

func TestACleanEndIsGoodForOneStartOfTheSameCopy(t *testing.T) {
	b := newBench(t, small)
	b.set("a", "k", "1")
	b.append(true)
	first := b.r.Actor()
	require.NoError(t, b.j.Close())
	start := b.start()
	require.Equal(t, first.Incarnation, start.Incarnation)
	require.False(t, start.Copied)
	require.Equal(t, b.r.Mark(), start.Mark)
	start = b.start() // that start did not end cleanly
	require.Zero(t, start.Incarnation)
	require.NoError(t, b.j.Close())
	b.store = b.store.Copy()
	start = b.start()
	require.Zero(t, start.Incarnation)
	require.True(t, start.Copied)
}

func TestAStoreBelongsToOneReplica(t *testing.T) {
	b := newBench(t, small)
	_, _, err := Open(b.store, Config{ID: causal.ID{9}})
	require.ErrorIs(t, err, ErrIdentity)
	_, _, err = Open(store.NewMemory(), Config{})
	require.ErrorContains(t, err, "no ID")
}

func TestAStoreIsOfOneSpace(t *testing.T) {
	s := store.NewMemory()
	for _, space := range []string{"shop", "shop", ""} {
		_, _, err := Open(s, Config{NewID: causal.ID{1}, Space: space})
		require.NoError(t, err)
	}
	_, _, err := Open(s, Config{NewID: causal.ID{1}, Space: "typo"})
	require.ErrorIs(t, err, ErrSpace)
	require.ErrorContains(t, err, `"shop"`)
	require.True(t, s.Corrupt(spaceKey, func(v []byte) []byte { v[0] ^= 1; return v }))
	_, _, err = Open(s, Config{NewID: causal.ID{1}, Space: "shop"})
	require.NoError(t, err)
	report, err := Verify(t.Context(), s, nil)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}

func TestCheckpointsReplaceRecords(t *testing.T) {
	for name, cfg := range map[string]Config{"state": {MinRecords: 1}, "rows": rows} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, cfg)
			for round := range 5 {
				for i := range 20 {
					b.set("doc", fmt.Sprint("k", i), fmt.Sprint(round))
				}
				b.remove("doc", "k7")
				b.checkpoint("doc")
				require.Zero(t, count(t, b.store, kindRecord), "all records are covered")
				want := b.r.Digest()
				b.crash(all)
				b.loadAll()
				require.Equal(t, want, b.r.Digest())
			}
			if name == "rows" {
				require.Equal(t, 19, count(t, b.store, kindRow), "the rows are the live dots")
			}
		})
	}
}

func count(t testing.TB, s store.Reader, kind byte) (n int) {
	for _, err := range s.Scan([]byte{kind}, []byte{kind + 1}) {
		require.NoError(t, err)
		n++
	}
	return n
}

func TestAFieldIsReadAndWrittenBeforeTheOthersAreBack(t *testing.T) {
	b := newBench(t, rows)
	for i := range 50 {
		b.set("doc", fmt.Sprint("k", i), "old")
	}
	b.checkpoint("doc")
	b.crash(all)
	l := b.load("doc")
	require.Empty(t, b.get("doc", "k7"))
	require.NoError(t, l.Fetch(kernel.PlaceHash(nil, crdt.TagRegister, "k7")))
	require.Equal(t, "old", b.get("doc", "k7"))
	b.set("doc", "k7", "new")
	b.append(true)
	b.finish(l)
	require.Equal(t, "new", b.get("doc", "k7"))
	d := b.r.View("doc")
	require.NoError(t, d.State().Verify())
	require.Equal(t, 50, d.State().Dots())
	b.checkpoint("doc")
	want := b.r.Digest()
	b.crash(all)
	b.loadAll()
	require.Equal(t, want, b.r.Digest())
}

// TestRandomLivesWithCrashes compares what comes back with what was there, at
// every point that a crash can leave.
func TestRandomLivesWithCrashes(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cfg := rows
		if seed%3 == 0 {
			cfg = Config{SmallState: 200, MinRecords: 1}
		}
		b := newBench(t, cfg)
		synced := map[string]string{}
		for range 12 {
			b.live(rng, synced)
			b.crash(func(unsynced int) int { return rng.IntN(unsynced + 1) })
			b.loadAll()
			d := b.r.View("doc")
			if d == nil {
				require.Empty(t, synced)
				continue
			}
			require.NoError(t, d.State().Verify(), "seed %d", seed)
			for key, least := range synced {
				require.GreaterOrEqual(t, b.get("doc", key), least, "seed %d: %s went back", seed, key)
			}
		}
	}
}

// live writes, syncs and checkpoints at random, with writes between the steps
// of a checkpoint.
func (b *bench) live(rng *rand.Rand, synced map[string]string) {
	values := map[string]string{}
	write := func() {
		key := fmt.Sprint("k", rng.IntN(12))
		if rng.IntN(5) == 0 {
			key = fmt.Sprint("gone", rng.IntN(4))
			b.remove("doc", key)
			return
		}
		b.seed++
		values[key] = fmt.Sprintf("%09d", b.seed)
		b.set("doc", key, values[key])
		b.set("doc", fmt.Sprint("gone", rng.IntN(4)), "x")
	}
	for range rng.IntN(8) {
		for range rng.IntN(6) {
			write()
		}
		sync := rng.IntN(3) == 0
		b.append(sync)
		if sync {
			for k, v := range values {
				synced[k] = v
			}
		}
		if d := b.r.View("doc"); d != nil && rng.IntN(2) == 0 {
			c := b.j.Capture("doc", d)
			b.append(false, c)
			require.NoError(b.t, c.Write(func(fn func(*crdt.Document)) {
				fn(b.r.View("doc"))
				write()
				if rng.IntN(2) == 0 { // else what was written is in no record yet
					b.append(false)
				}
			}, func() error {
				b.append(false)
				return nil
			}))
		}
	}
}
