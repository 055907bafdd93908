package joinery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

type doc = *joinery.Doc

// conflict is a row of the README's truth table with what it says. Unless time
// decides, the outcome is the same if the other side is the earlier one.
type conflict struct {
	field, had, one, other, then string

	timed               bool
	before, left, right func(context.Context, doc) error
	check               func(*testing.T, doc)
}

func reads[T any](t *testing.T, want T, c joinery.Cell) {
	t.Helper()
	got, ok, err := joinery.Get[T](c)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, want, got)
}

func fieldCount(d doc) (n int) {
	for range d.Fields() {
		n++
	}
	return n
}

func nothing(context.Context, doc) error { return nil }

// setName returns a write to the register "n".
func setName(value string) func(context.Context, doc) error {
	return func(ctx context.Context, d doc) error { return d.Register("n").Set(ctx, value) }
}

func incVisits(n int64) func(context.Context, doc) error {
	return func(ctx context.Context, d doc) error { return d.Counter("visits").Inc(ctx, n) }
}

func put(value string) func(context.Context, doc) error {
	return func(ctx context.Context, d doc) error { return d.LWWMap("m").Put(ctx, "k", value) }
}

func deleteKey(ctx context.Context, d doc) error { return d.LWWMap("m").Delete(ctx, "k") }

func removeMap(ctx context.Context, d doc) error { return d.Map("m").Remove(ctx) }

// all makes one write of several.
func all(writes ...func(context.Context, doc) error) func(context.Context, doc) error {
	return func(ctx context.Context, d doc) error {
		for _, w := range writes {
			if err := w(ctx, d); err != nil {
				return err
			}
		}
		return nil
	}
}

var conflicts = []conflict{
	{
		field: "Register", had: `"x"`, one: `Set "a"`, other: `Set "b"`, then: `Get: "b"; Siblings: "b", "a"`, timed: true,
		before: setName("x"), left: setName("a"), right: setName("b"),
		check: func(t *testing.T, d doc) {
			reads(t, "b", d.Register("n"))
			all, err := joinery.Siblings[string](d.Register("n"))
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.Equal(t, []string{"b", "a"}, []string{all[0].Value, all[1].Value})
		},
	},
	{
		field: "Register", had: `"x"`, one: `Set "a"`, other: "Remove", then: `"a"`,
		before: setName("x"), left: setName("a"),
		right: func(ctx context.Context, d doc) error { return d.Register("n").Remove(ctx) },
		check: func(t *testing.T, d doc) { reads(t, "a", d.Register("n")) },
	},
	{
		field: "Counter", had: "2", one: "Inc 3", other: "Inc 4", then: "9",
		before: incVisits(2), left: incVisits(3), right: incVisits(4),
		check: func(t *testing.T, d doc) { require.EqualValues(t, 9, d.Counter("visits").Value()) },
	},
	{
		field: "Counter", had: "2", one: "Inc 3", other: "Remove", then: "3",
		before: incVisits(2), left: incVisits(3),
		right: func(ctx context.Context, d doc) error { return d.Counter("visits").Remove(ctx) },
		check: func(t *testing.T, d doc) { require.EqualValues(t, 3, d.Counter("visits").Value()) },
	},
	{
		field: "Set", had: "x", one: "Add x", other: "Remove x", then: "x is in",
		before: func(ctx context.Context, d doc) error { return d.Set("s").Add(ctx, "x") },
		left:   func(ctx context.Context, d doc) error { return d.Set("s").Add(ctx, "x") },
		right:  func(ctx context.Context, d doc) error { return d.Set("s").Remove(ctx, "x") },
		check:  func(t *testing.T, d doc) { require.True(t, d.Set("s").Contains("x")) },
	},
	{
		field: "Set", had: "x, y", one: "Add z", other: "Clear", then: "z alone",
		before: func(ctx context.Context, d doc) error { return d.Set("s").Add(ctx, "x", "y") },
		left:   func(ctx context.Context, d doc) error { return d.Set("s").Add(ctx, "z") },
		right:  func(ctx context.Context, d doc) error { return d.Set("s").Clear(ctx) },
		check: func(t *testing.T, d doc) {
			members, err := joinery.Members[string](d.Set("s"))
			require.NoError(t, err)
			require.Equal(t, []string{"z"}, members)
		},
	},
	{
		field: "RemoveWinsSet", had: "x", one: "Add x", other: "Remove x", then: "x is out",
		before: func(ctx context.Context, d doc) error { return d.RemoveWinsSet("s").Add(ctx, "x") },
		left:   func(ctx context.Context, d doc) error { return d.RemoveWinsSet("s").Add(ctx, "x") },
		right:  func(ctx context.Context, d doc) error { return d.RemoveWinsSet("s").Remove(ctx, "x") },
		check:  func(t *testing.T, d doc) { require.False(t, d.RemoveWinsSet("s").Contains("x")) },
	},
	{
		field: "Flag", had: "on", one: "Enable", other: "Disable", then: "on",
		before: func(ctx context.Context, d doc) error { return d.Flag("f").Enable(ctx) },
		left:   func(ctx context.Context, d doc) error { return d.Flag("f").Enable(ctx) },
		right:  func(ctx context.Context, d doc) error { return d.Flag("f").Disable(ctx) },
		check:  func(t *testing.T, d doc) { require.True(t, d.Flag("f").Enabled()) },
	},
	{
		field: "DisableWinsFlag", had: "on", one: "Enable", other: "Disable", then: "off",
		before: func(ctx context.Context, d doc) error { return d.DisableWinsFlag("f").Enable(ctx) },
		left:   func(ctx context.Context, d doc) error { return d.DisableWinsFlag("f").Enable(ctx) },
		right:  func(ctx context.Context, d doc) error { return d.DisableWinsFlag("f").Disable(ctx) },
		check:  func(t *testing.T, d doc) { require.False(t, d.DisableWinsFlag("f").Enabled()) },
	},
	{
		field: "Map", had: `city "Oslo", zip "0150"`, one: `Set city "Bergen"`, other: "Remove the map", then: `city "Bergen" alone`,
		before: func(ctx context.Context, d doc) error {
			if err := d.Map("m").Register("city").Set(ctx, "Oslo"); err != nil {
				return err
			}
			return d.Map("m").Register("zip").Set(ctx, "0150")
		},
		left:  func(ctx context.Context, d doc) error { return d.Map("m").Register("city").Set(ctx, "Bergen") },
		right: removeMap,
		check: func(t *testing.T, d doc) {
			reads(t, "Bergen", d.Map("m").Register("city"))
			require.Equal(t, 1, fieldCount(d))
		},
	},
	{
		field: "Map", had: `visits 2, zip "0150"`, one: "Inc visits 3", other: "Remove the map", then: "visits 3 alone",
		before: func(ctx context.Context, d doc) error {
			if err := d.Map("m").Counter("visits").Inc(ctx, 2); err != nil {
				return err
			}
			return d.Map("m").Register("zip").Set(ctx, "0150")
		},
		left:  func(ctx context.Context, d doc) error { return d.Map("m").Counter("visits").Inc(ctx, 3) },
		right: removeMap,
		check: func(t *testing.T, d doc) {
			require.EqualValues(t, 3, d.Map("m").Counter("visits").Value())
			require.Equal(t, 1, fieldCount(d))
		},
	},
	{
		field: "LWWMap", had: `k "x"`, one: `Put k "a"`, other: `Put k "b"`, then: `k is "b"`, timed: true,
		before: put("x"), left: put("a"), right: put("b"),
		check: func(t *testing.T, d doc) { reads(t, "b", d.LWWMap("m").Entry("k")) },
	},
	{
		field: "LWWMap", had: `k "x"`, one: `Put k "a"`, other: "Delete k", then: "k is absent", timed: true,
		before: put("x"), left: put("a"), right: deleteKey,
		check: func(t *testing.T, d doc) { require.Empty(t, d.LWWMap("m").Keys()) },
	},
	{
		field: "LWWMap", had: `k "x"`, one: "Delete k", other: `Put k "b"`, then: `k is "b"`, timed: true,
		before: put("x"), left: deleteKey, right: put("b"),
		check: func(t *testing.T, d doc) { reads(t, "b", d.LWWMap("m").Entry("k")) },
	},
	{
		field: "Doc", had: `name "x", visits 2`, one: `Set name "a"`, other: "Delete", then: `name "a" alone`,
		before: all(setName("x"), incVisits(2)), left: setName("a"),
		right: func(ctx context.Context, d doc) error { return d.Delete(ctx) },
		check: func(t *testing.T, d doc) {
			reads(t, "a", d.Register("n"))
			require.Equal(t, 1, fieldCount(d))
		},
	},
	{
		field: "one name, two types", had: "nothing", one: `Register n: Set "a"`, other: "Counter n: Inc 1", then: "both",
		before: nothing, left: setName("a"),
		right: func(ctx context.Context, d doc) error { return d.Counter("n").Inc(ctx, 1) },
		check: func(t *testing.T, d doc) {
			reads(t, "a", d.Register("n"))
			require.EqualValues(t, 1, d.Counter("n").Value())
		},
	},
}

// side is a replica behind a link that the test takes down.
type side struct {
	name    string
	replica *joinery.Replica
	doc     doc
}

func newSide(t *testing.T, net *memory.Network, name string, ahead time.Duration) side {
	r, err := joinery.Open(t.Context(), joinery.Config{
		Space: "shop", Broker: net.Connect(name), BeaconEvery: 20 * time.Millisecond,
		Clock: func() time.Time { return time.Unix(1e9, 0).Add(ahead) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return side{name, r, r.Doc("user:123")}
}

func converge(t *testing.T, a, b side) {
	t.Helper()
	require.Eventually(t, func() bool { return a.replica.Status().Digest == b.replica.Status().Digest }, 10*time.Second, time.Millisecond)
}

// play lets two sides write while they are apart, and checks what both read
// afterwards.
func play(t *testing.T, c conflict, first, second func(context.Context, doc) error) {
	net := memory.NewNetwork(memory.Config{})
	a, b := newSide(t, net, "one", 0), newSide(t, net, "other", time.Second)
	require.NoError(t, c.before(t.Context(), a.doc))
	converge(t, a, b)
	net.Disconnect(a.name)
	require.NoError(t, first(t.Context(), a.doc))
	require.NoError(t, second(t.Context(), b.doc))
	require.NotEqual(t, a.replica.Status().Digest, b.replica.Status().Digest)
	net.Reconnect(a.name)
	converge(t, a, b)
	c.check(t, a.doc)
	c.check(t, b.doc)
}

func TestConcurrentWritesEndAsTheReadmeSays(t *testing.T) {
	for _, c := range conflicts {
		t.Run(c.field+": "+c.one+" beside "+c.other, func(t *testing.T) {
			play(t, c, c.left, c.right)
			if !c.timed {
				play(t, c, c.right, c.left)
			}
		})
	}
}
