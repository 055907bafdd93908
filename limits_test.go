package joinery_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

// long is a text of n bytes.
func long(n int) string { return strings.Repeat("x", n) }

func TestWhatIsAboveALimitIsRefusedAtTheWrite(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, d.Register("small").Set(background, 1))
	before := r.Status()
	deep := d.Map("0")
	for range kernel.MaxDepth {
		deep = deep.Map("m")
	}
	wide := d.Map(long(4000)).Map(long(4000)).Map(long(4000))
	for what, err := range map[string]error{
		"value":            d.Register("x").Set(background, long(kernel.MaxValue)),
		"register's name":  d.Register(long(kernel.MaxKey+1)).Set(background, 1),
		"counter's name":   d.Counter(long(kernel.MaxKey+1)).Inc(background, 1),
		"flag's name":      d.Flag(long(kernel.MaxKey + 1)).Enable(background),
		"set's name":       d.Set(long(kernel.MaxKey+1)).Add(background, 1),
		"element":          d.Set("s").Add(background, "fits", long(kernel.MaxKey)),
		"element to go":    d.RemoveWinsSet("s").Remove(background, long(kernel.MaxKey)),
		"entry's key":      d.LWWMap("m").Put(background, long(kernel.MaxKey+1), 1),
		"entry's value":    d.LWWMap("m").Put(background, "k", long(kernel.MaxValue)),
		"depth":            deep.Register("x").Set(background, 1),
		"depth of counter": deep.Counter("x").Inc(background, 1),
		"path":             wide.Register("x").Set(background, 1),
	} {
		require.ErrorIs(t, err, joinery.ErrTooLarge, what)
		require.ErrorContains(t, err, `joinery: document "d"`, what)
	}
	require.Equal(t, before.Digest, r.Status().Digest, "nothing was written")
	require.Equal(t, before.Stats.Writes, r.Status().Stats.Writes)
}

func TestWhatIsAtALimitIsWritten(t *testing.T) {
	d := alone(t).Doc("d")
	require.NoError(t, d.Register("x").Set(background, long(kernel.MaxValue-5)))
	require.NoError(t, d.Register(long(kernel.MaxKey)).Set(background, 1))
	deep := d.Map("0")
	for range kernel.MaxDepth - 2 {
		deep = deep.Map("m")
	}
	require.NoError(t, deep.Register("x").Set(background, 1))
	require.Equal(t, 1, get[int](t, deep.Register("x")))
}

func TestAGroupAboveItsLimitIsRefusedWhole(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	err := d.Update(background, func(tx *joinery.Tx) error {
		for i := range 10 {
			if err := tx.Register(string(rune('a'+i))).Set(background, long(100_000)); err != nil {
				return err
			}
		}
		return nil
	})
	require.ErrorIs(t, err, joinery.ErrTooLarge)
	require.False(t, d.Exists())
	require.Zero(t, r.Status().Stats.Writes)
}

func TestConfiguredLimitOfValues(t *testing.T) {
	d := alone(t, func(c *joinery.Config) { c.MaxValue = 10 }).Doc("d")
	require.NoError(t, d.Register("x").Set(background, "123456789"))
	require.ErrorIs(t, d.Register("x").Set(background, "1234567890"), joinery.ErrTooLarge)
	require.ErrorIs(t, d.LWWMap("m").Put(background, "k", "1234567890"), joinery.ErrTooLarge)
	require.Equal(t, "123456789", get[string](t, d.Register("x")))
}

func TestConfiguredLimitOfFields(t *testing.T) {
	d := alone(t, func(c *joinery.Config) { c.MaxFields = 3 }).Doc("d")
	require.NoError(t, d.Set("s").Add(background, 1, 2))
	require.ErrorIs(t, d.Set("s").Add(background, 3, 4), joinery.ErrTooLarge)
	require.NoError(t, d.Set("s").Add(background, 1, 2, 3), "one of them is new")
	require.ErrorIs(t, d.Register("x").Set(background, 1), joinery.ErrTooLarge)
	require.ErrorIs(t, d.Counter("x").Inc(background, 1), joinery.ErrTooLarge)
	require.ErrorIs(t, d.Flag("x").Enable(background), joinery.ErrTooLarge)
	require.ErrorIs(t, d.LWWMap("x").Put(background, "k", 1), joinery.ErrTooLarge)
	require.NoError(t, d.Set("s").Remove(background, 1))
	require.NoError(t, d.Register("x").Set(background, 1))
	require.NoError(t, d.Register("x").Set(background, 2), "what is there can change")
	require.ErrorIs(t, d.Update(background, func(tx *joinery.Tx) error {
		return tx.Register("y").Set(background, 1)
	}), joinery.ErrTooLarge)
	require.Len(t, fields(d), 3)
}

func TestConfiguredLimitsOfNamesAndDepth(t *testing.T) {
	d := alone(t, func(c *joinery.Config) { c.MaxName, c.MaxDepth = 5, 2 }).Doc("d")
	require.NoError(t, d.Map("12345").Map("m").Register("12345").Set(background, "any length"))
	require.NoError(t, d.Set("s").Add(background, "1234"), "a head and four bytes")
	for what, err := range map[string]error{
		"name":      d.Register("123456").Set(background, 1),
		"map":       d.Map("123456").Counter("c").Inc(background, 1),
		"element":   d.Set("s").Add(background, "12345"),
		"key":       d.LWWMap("m").Put(background, "123456", 1),
		"set":       d.Set("123456").Add(background, 1),
		"depth":     d.Map("a").Map("b").Map("c").Register("x").Set(background, 1),
		"set depth": d.Map("a").Map("b").Set("s").Add(background, 1),
	} {
		require.ErrorIs(t, err, joinery.ErrTooLarge, what)
		require.ErrorContains(t, err, `document "d"`, what)
		require.ErrorContains(t, err, "(Config.Max", what)
	}
}

func TestConfiguredLimitOfADocumentsBytes(t *testing.T) {
	d := alone(t, func(c *joinery.Config) { c.MaxDocBytes = 1000 }).Doc("d")
	require.NoError(t, d.Register("x").Set(background, long(990)))
	require.NoError(t, d.Register("x").Set(background, long(980)), "in place of the first")
	require.NoError(t, d.Register("y").Set(background, long(100)))
	require.ErrorIs(t, d.Register("z").Set(background, 1), joinery.ErrTooLarge)
	require.ErrorIs(t, d.Counter("z").Inc(background, 1), joinery.ErrTooLarge)
	require.ErrorIs(t, d.Set("z").Add(background, 1), joinery.ErrTooLarge)
	require.NoError(t, d.Register("x").Remove(background), "removals are always taken")
	require.NoError(t, d.Register("z").Set(background, 1))
}

func TestConfiguredLimitOfOwnDocuments(t *testing.T) {
	r := alone(t, func(c *joinery.Config) { c.MaxOwnDocs = 2 })
	require.NoError(t, r.Doc("a").Register("v").Set(background, 1))
	require.NoError(t, r.Doc("b").Register("v").Set(background, 1))
	err := r.Doc("c").Register("v").Set(background, 1)
	require.ErrorIs(t, err, joinery.ErrTooLarge)
	require.EqualError(t, err, `joinery: document "c": crdt: too large: the replica holds 2 documents, the limit for making more is 2`)
	require.NoError(t, r.Doc("a").Register("v").Set(background, 2), "what is there can change")
}

func TestTheReadmeNamesEachConfiguredLimit(t *testing.T) {
	text := page(t, "README.md")
	_, part, _ := strings.Cut(text, "## Limits")
	part, _, _ = strings.Cut(part, "\n## ")
	cfg := reflect.TypeFor[joinery.Config]()
	for i := range cfg.NumField() {
		if name := cfg.Field(i).Name; strings.HasPrefix(name, "Max") && name != "MaxDrift" {
			require.Contains(t, part, "`Config."+name+"`")
		}
	}
}

// TestConfiguredLimitOfDocuments is for those that others bring: it keeps no
// program from its own.
func TestConfiguredLimitOfDocuments(t *testing.T) {
	net := memory.NewNetwork(memory.Config{})
	r := open(t, joinery.Config{Broker: net.Connect("few"), MaxDocs: 3})
	other := open(t, joinery.Config{Broker: net.Connect("many")})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		require.NoError(t, other.Doc(name).Register("v").Set(background, 1))
	}
	eventually(t, func() bool { s := r.Status(); return s.Docs == 3 && s.Stats.Alarms > 0 })
	require.NoError(t, r.Doc("mine").Register("v").Set(background, 1))
	require.Equal(t, 4, r.Status().Docs)
	eventually(t, func() bool { return other.Doc("mine").Exists() })
}

func TestLimitsOfNamesAreExact(t *testing.T) {
	d := alone(t).Doc(long(message.MaxName))
	require.NoError(t, d.Register("x").Set(background, 1))
	require.ErrorIs(t, alone(t).Doc(long(message.MaxName+1)).Register("x").Set(background, 1), joinery.ErrName)
	element := long(kernel.MaxKey - 3) // as msgpack it has a head of 3 bytes
	require.NoError(t, d.Set("s").Add(background, element))
	require.ErrorIs(t, d.Set("s").Add(background, element+"x"), joinery.ErrTooLarge)
	require.NoError(t, d.LWWMap("m").Put(background, long(kernel.MaxKey), 1))
	require.ErrorIs(t, d.LWWMap("m").Put(background, long(kernel.MaxKey+1), 1), joinery.ErrTooLarge)
	open(t, joinery.Config{Space: long(message.MaxSpace)})
}
