package joinery_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/message"
)

// awkward names look like subjects, wildcards, escapes and protocol lines.
var awkward = []string{
	"a", "a.b", "A", "*", ">", "a.*", "a.>", "a*b", "%", "%2A", "%2a", "%25", "a b", " ", "a\tb", "a\r\nPUB x 0\r\n",
	"\x00", "\x7f", "größe", "ü.ö", "日本.語", "user:123", "a.$SYS", "_INBOX.y", "joinery", "a/b\\c", "\"q\"", "'",
	"\u00e9", "e\u0301", "\u202e", "🧵", strings.Repeat("x", message.MaxName), strings.Repeat("*", message.MaxName),
	strings.Repeat("a.", message.MaxName/2-1) + "a",
}

var refusedNames = []string{
	"", ".", "a.", ".a", "a..b", "\xff", "a\xc3", strings.Repeat("x", message.MaxName+1), strings.Repeat("é", 150),
	strings.Repeat("n", 300), "$", "$members", "$SYS.x",
}

func TestAwkwardNamesTravelUnchanged(t *testing.T) {
	srv := serve(t, embedded.Config{Listen: "127.0.0.1:0"})
	a, b := open(t, joinery.Config{Conn: dial(t, srv)}), open(t, joinery.Config{Conn: dial(t, srv)})
	for i, name := range awkward {
		require.NoError(t, a.Doc(name).Register(name).Set(background, i), "%q", name)
		require.NoError(t, a.Doc(name).Map(name).Set(name).Add(background, name), "%q", name)
	}
	settle(t, a, b)
	sorted := slices.Sorted(slices.Values(awkward))
	require.Equal(t, sorted, slices.Collect(b.Docs(">")))
	for i, name := range awkward {
		d := b.Doc(name)
		require.Equal(t, i, get[int](t, d.Register(name)), "%q", name)
		require.True(t, d.Map(name).Set(name).Contains(name), "%q", name)
		require.Len(t, fields(d), 2, "%q", name)
	}
	require.Zero(t, b.Status().Stats.Refused)
}

func TestNamesThatNoDocumentCanHaveAreRefused(t *testing.T) {
	r := alone(t)
	for _, name := range refusedNames {
		d := r.Doc(name)
		err := d.Register("x").Set(background, 1)
		require.ErrorIs(t, err, joinery.ErrName, "%q", name)
		require.ErrorIs(t, d.Update(background, func(*joinery.Tx) error { return nil }), joinery.ErrName)
		require.False(t, d.Exists())
	}
	require.Zero(t, r.Status().Docs, "a refused write leaves no document")
}

// TestFieldsMayHaveAnyName: unlike a document's, they are no part of a subject.
func TestFieldsMayHaveAnyName(t *testing.T) {
	d := alone(t).Doc("d")
	for _, name := range append(slices.Clone(awkward), "", ".", "\xff") {
		require.NoError(t, d.Register(name).Set(background, name), "%q", name)
		require.Equal(t, name, get[string](t, d.Register(name)))
	}
}

// randomName draws from few characters, so that names are often alike.
func randomName(rng *rand.Rand) string {
	const alphabet = "ab.%*> 2A5\x00ü"
	runes := []rune(alphabet)
	var b strings.Builder
	for range 1 + rng.IntN(6) {
		b.WriteRune(runes[rng.IntN(len(runes))])
	}
	return b.String()
}

func TestSubjectsNeverClashAndLeadBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	subjects := message.NewSubjects("s", joinery.ID{1})
	aDelta := message.Append(nil, message.Header{From: causal.Actor{ID: joinery.ID{1}}}, &message.Delta{})
	owner := make(map[string]string)
	named := 0
	for range 200_000 {
		name := randomName(rng)
		if message.CheckName(name) != nil {
			continue
		}
		named++
		subject := subjects.Delta(name)
		require.NoError(t, broker.CheckSubject(subject), "%q", name)
		other, known := owner[subject]
		require.True(t, !known || other == name, "%q and %q share %s", name, other, subject)
		owner[subject] = name
		back, _, err := subjects.Check(subject, aDelta)
		require.NoError(t, err)
		require.Equal(t, name, back)
		require.True(t, broker.Match(subjects.Deltas(">"), subject))
		require.False(t, broker.Match(subjects.Beacons(), subject) || broker.Match(subjects.Anys(), subject))
	}
	require.Greater(t, named, 50_000)
}

func TestSpacesNeverClash(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	owner := make(map[string]string)
	for range 50_000 {
		name := randomName(rng)
		if message.CheckSpace(name) != nil {
			continue
		}
		subject := message.NewSubjects(name, joinery.ID{1}).Beacon()
		require.Equal(t, 4, len(strings.Split(subject, ".")), "a space is one token")
		other, known := owner[subject]
		require.True(t, !known || other == name)
		owner[subject] = name
	}
}

func TestTokensAreReadInTheirCanonicalFormAlone(t *testing.T) {
	for _, s := range []string{"%2a", "%41", "%", "%2", "%zz", "a%2e", "a b", "*", "\x00", "ü"} {
		_, err := message.ParseToken(s)
		require.ErrorIs(t, err, message.ErrName, "%q", s)
	}
}

func TestTwoSpacesOnOneServerKeepApart(t *testing.T) {
	srv := serve(t, embedded.Config{})
	nc := dial(t, srv)
	a := open(t, joinery.Config{Conn: nc, Space: "one"})
	b := open(t, joinery.Config{Conn: nc, Space: "two"})
	a2 := open(t, joinery.Config{Conn: nc, Space: "one"})
	require.NoError(t, a.Doc("d").Register("x").Set(background, 1))
	require.NoError(t, b.Doc("d").Register("x").Set(background, 2))
	settle(t, a, a2)
	require.Equal(t, 1, get[int](t, a2.Doc("d").Register("x")))
	require.Equal(t, 2, get[int](t, b.Doc("d").Register("x")))
	require.Zero(t, b.Status().Stats.UnitsMerged)
}
