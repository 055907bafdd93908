package joinery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/store"
)

// duo returns two replicas on a network of their own.
func duo(t *testing.T) (a, b *joinery.Replica) {
	net := memory.NewNetwork(memory.Config{})
	return open(t, joinery.Config{Broker: net.Connect("a")}), open(t, joinery.Config{Broker: net.Connect("b")})
}

// expiring writes one field of each type that can expire after a minute.
func expiring(t *testing.T, d *joinery.Doc) {
	t.Helper()
	for _, err := range []error{
		d.Register("r").Set(background, "v", joinery.TTL(time.Minute)),
		d.LWWMap("m").Put(background, "k", "v", joinery.TTL(time.Minute)),
		d.Set("s").AddFor(background, time.Minute, "e"),
		d.RemoveWinsSet("w").AddFor(background, time.Minute, "e"),
		d.Flag("f").Enable(background, joinery.TTL(time.Minute)),
		d.DisableWinsFlag("g").Enable(background, joinery.TTL(time.Minute)),
		d.Map("below").Register("r").Set(background, "v", joinery.TTL(time.Minute)),
	} {
		require.NoError(t, err)
	}
}

func shows(d *joinery.Doc) (n int) {
	for range d.Fields() {
		n++
	}
	return n
}

func TestFieldsOfEachTypeExpireForAllReadersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		expiring(t, a.Doc("d"))
		require.NoError(t, a.Doc("d").Register("stays").Set(background, 1))
		settle(t, a, b)
		at := time.Now().Add(time.Minute)
		for f := range b.Doc("d").Fields() {
			if f.Path[0] != "stays" {
				require.WithinDuration(t, at, f.Expires, time.Second, "%v", f.Path)
			}
		}
		require.Equal(t, 8, shows(b.Doc("d")))
		time.Sleep(61 * time.Second)
		for _, r := range []*joinery.Replica{a, b} {
			d := r.Doc("d")
			require.Equal(t, 1, shows(d))
			_, ok, err := joinery.Get[string](d.Register("r"))
			require.NoError(t, err)
			require.False(t, ok)
			require.Empty(t, d.LWWMap("m").Keys())
			require.False(t, d.Set("s").Contains("e") || d.RemoveWinsSet("w").Contains("e"))
			require.Zero(t, d.Set("s").Len()+d.RemoveWinsSet("w").Len())
			require.False(t, d.Flag("f").Enabled() || d.DisableWinsFlag("g").Enabled())
			siblings, err := joinery.Siblings[any](d.Register("r"))
			require.NoError(t, err)
			require.Empty(t, siblings)
		}
	})
}

func TestOneReplicaRemovesWhatHasExpiredOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		expiring(t, a.Doc("d"))
		settle(t, a, b)
		before := a.Status().Stats.Writes
		time.Sleep(2 * time.Minute)
		settle(t, a, b)
		require.Equal(t, before+1, a.Status().Stats.Writes, "one event for all of it")
		require.Zero(t, b.Status().Stats.Writes)
		require.False(t, a.Doc("d").Exists() || b.Doc("d").Exists())
	})
}

func TestAnyHolderRemovesWhatAReplicaLeftThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		expiring(t, a.Doc("d"))
		settle(t, a, b)
		require.NoError(t, a.Close())
		time.Sleep(2 * time.Minute)
		require.EqualValues(t, 1, b.Status().Stats.Writes)
		require.False(t, b.Doc("d").Exists())
	})
}

func TestAReplicaByItselfRemovesWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := alone(t)
		expiring(t, r.Doc("d"))
		before := r.Status().Stats.Writes
		time.Sleep(2 * time.Minute)
		require.Equal(t, before+1, r.Status().Stats.Writes)
	})
}

func TestAWatchTellsOfExpiryOnceWhenItIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		events := b.Watch(t.Context(), "d", joinery.UpdatesOnly(), joinery.OldValues()) // the write may be there before the loop
		require.NoError(t, a.Doc("d").Register("r").Set(background, "v", joinery.TTL(time.Minute)))
		end := time.Now().Add(time.Minute)
		time.AfterFunc(3*time.Minute, func() { // long after the removal
			report(t, a.Doc("d").Register("last").Set(background, 1))
		})
		var got []string
		for ev, err := range events {
			require.NoError(t, err)
			if ev.Path[0] == "last" {
				break
			}
			got = append(got, change(ev))
			if !ev.Exists {
				require.False(t, ev.Local)
				require.WithinDuration(t, end, time.Now(), 100*time.Millisecond)
			}
		}
		require.Equal(t, []string{"d/r: nothing to v", "d/r: v to nothing"}, got)
	})
}

func TestAFurtherWriteBeginsAnewAndOneWithoutTTLStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		d := a.Doc("d")
		for _, name := range []string{"longer", "stays"} {
			require.NoError(t, d.Register(name).Set(background, 1, joinery.TTL(time.Minute)))
		}
		require.NoError(t, d.Register("longer").Set(background, 2, joinery.TTL(5*time.Minute)))
		require.NoError(t, d.Register("stays").Set(background, 2))
		require.NoError(t, d.Register("over").Set(background, 2, joinery.ExpireAt(time.Now().Add(-5*time.Minute))))
		settle(t, a, b)
		time.Sleep(2 * time.Minute)
		require.Equal(t, 2, shows(b.Doc("d")))
		time.Sleep(5 * time.Minute)
		require.Equal(t, 1, shows(b.Doc("d")))
	})
}

func TestADocumentExpiresAndANewOneOfItsNameStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		d := a.Doc("session")
		require.NoError(t, d.Update(background, func(tx *joinery.Tx) error {
			report(t, tx.Counter("n").Inc(background, 3))
			return tx.Expire(background, time.Minute)
		}))
		settle(t, a, b)
		at, ok := b.Doc("session").Expires()
		require.True(t, ok)
		require.WithinDuration(t, time.Now().Add(time.Minute), at, time.Second)
		require.Equal(t, 1, shows(b.Doc("session")), "the expiry is no field")
		time.Sleep(time.Minute)
		require.Zero(t, d.Counter("n").Value())
		require.False(t, d.Exists())
		require.NoError(t, d.Register("new").Set(background, 1))
		_, ok = d.Expires()
		require.False(t, ok)
		time.Sleep(5 * time.Minute)
		settle(t, a, b)
		require.Equal(t, 1, shows(b.Doc("session")))
	})
}

func TestADocumentWithMoreTimeOrNoEndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := duo(t)
		for _, name := range []string{"more", "ever"} {
			require.NoError(t, a.Doc(name).Register("v").Set(background, 1))
			require.NoError(t, a.Doc(name).Expire(background, time.Minute))
		}
		settle(t, a, b)
		require.NoError(t, b.Doc("more").ExpireAt(background, time.Now().Add(5*time.Minute)))
		require.NoError(t, b.Doc("ever").Persist(background))
		settle(t, a, b)
		time.Sleep(2 * time.Minute)
		require.True(t, a.Doc("more").Exists() && a.Doc("ever").Exists())
		time.Sleep(5 * time.Minute)
		require.False(t, a.Doc("more").Exists())
		require.True(t, a.Doc("ever").Exists())
	})
}

func TestExpiryGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := store.NewMemory()
		r, err := joinery.Open(background, joinery.Config{Space: "test", Store: disk})
		require.NoError(t, err)
		expiring(t, r.Doc("d"))
		require.NoError(t, r.Doc("session").Register("v").Set(background, 1))
		require.NoError(t, r.Doc("session").Expire(background, time.Minute))
		require.NoError(t, r.Close())
		time.Sleep(time.Hour)
		r, err = joinery.Open(background, joinery.Config{Space: "test", Store: disk})
		require.NoError(t, err)
		require.Zero(t, shows(r.Doc("d")))
		require.NoError(t, r.Doc("session").Register("new").Set(background, 1))
		time.Sleep(time.Hour)
		require.False(t, r.Doc("d").Exists())
		require.Equal(t, 1, shows(r.Doc("session")))
		require.NoError(t, r.Close())
	})
}

func TestACopyKeepsTheTimeThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := alone(t)
		expiring(t, r.Doc("d"))
		time.Sleep(30 * time.Second)
		require.NoError(t, r.Doc("d").Copy(background, "e"))
		require.Equal(t, 7, shows(r.Doc("e")))
		time.Sleep(30 * time.Second)
		require.Zero(t, shows(r.Doc("e")))
	})
}

type session struct {
	Token string            `joinery:"token,ttl=1m"`
	Tags  []string          `joinery:"tags,set,ttl=1m"`
	Seen  map[string]string `joinery:"seen,lwwmap,ttl=1m"`
	Keys  map[string]string `joinery:"keys,map,ttl=1m"`
	On    bool              `joinery:"on,flag,ttl=1m"`
	Name  string            `joinery:"name"`
}

func TestStructFieldsExpireByTheirTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := alone(t)
		d := r.Doc("d")
		s := session{"t", []string{"x"}, map[string]string{"a": "b"}, map[string]string{"c": "d"}, true, "n"}
		require.NoError(t, d.Store(background, s))
		time.Sleep(30 * time.Second)
		require.NoError(t, d.Store(background, s), "what is stored again unchanged has the time that it had")
		time.Sleep(30 * time.Second)
		var got session
		require.NoError(t, d.Load(&got))
		require.Equal(t, session{Name: "n"}, got)
	})
}

func TestTTLsThatMakeNoSenseInTags(t *testing.T) {
	d := alone(t).Doc("d")
	for _, src := range []any{
		struct {
			N int `joinery:"n,counter,ttl=1m"`
		}{},
		struct {
			S string `joinery:"s,ttl=soon"`
		}{},
		struct {
			S string `joinery:"s,ttl=-1m"`
		}{},
		struct {
			M map[string]int `joinery:"m,map,counter,ttl=1m"`
		}{},
	} {
		require.ErrorIs(t, d.Store(background, src), joinery.ErrStruct)
	}
}
