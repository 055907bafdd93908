package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "user:123", "fleet.42.engine", "mit Leerzeichen", "ünï.cödé", "*", ">", "%", "\x01", strings.Repeat("x", MaxName)} {
		require.NoError(t, CheckName(good), "%q", good)
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "\xff", strings.Repeat("x", MaxName+1)} {
		require.ErrorIs(t, CheckName(bad), ErrName, "%q", bad)
	}
	require.ErrorIs(t, CheckSpace(strings.Repeat("x", MaxSpace+1)), ErrName)
}

func TestSubjectsNeverClash(t *testing.T) {
	s := NewSubjects("shop.eu")
	names := []string{"a", "A", "a.b", "a%2Eb", "a%b", "a b", "a*b", "*", ">", "a\tb", "é", "e\u0301", "a%25b"}
	seen := map[string]string{}
	for _, name := range names {
		subject := s.Delta(name)
		require.NotContains(t, subject, " ")
		require.NotContains(t, strings.TrimPrefix(subject, "joinery."), "*")
		require.Empty(t, seen[subject], "%q and %q", name, seen[subject])
		seen[subject] = name
		back, err := s.Doc(subject)
		require.NoError(t, err)
		require.Equal(t, name, back)
	}
	require.Equal(t, "joinery.shop%2Eeu.d.a.b", s.Delta("a.b"))
	require.Equal(t, "joinery.shop%2Eeu.d.a.*.>", s.Deltas("a.*.>"))
	require.NotEqual(t, s.Replica(causal.ID{1}), s.Replica(causal.ID{2}))
	require.NotEqual(t, s.Probe(causal.ID{1}), s.Replica(causal.ID{1}))
	require.NotEqual(t, s.Any(), s.Beacon())
}

func TestTokensHaveOneForm(t *testing.T) {
	for _, bad := range []string{"%", "%2", "%2g", "%61", "%2e", "a b", "é"} {
		_, err := ParseToken(bad)
		require.ErrorIs(t, err, ErrName, "%q", bad)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a.b", false}, {"a.b", "a", false},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a.b", true}, {"a.*.c", "a.b.c", true},
		{">", "a", true}, {">", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "a.b.c", true}, {"*.>", "a.b", true},
		{">.a", "b.a", false},
	} {
		require.Equal(t, c.want, Match(c.pattern, c.name), "%s on %s", c.pattern, c.name)
	}
}

func TestDocDigestsDependOnNameAndState(t *testing.T) {
	require.NotEqual(t, DocDigest("a", 1), DocDigest("b", 1))
	require.NotEqual(t, DocDigest("a", 1), DocDigest("a", 2))
	require.NotEqual(t, DocDigest("a", 1)^DocDigest("b", 2), DocDigest("a", 2)^DocDigest("b", 1), "swapped states")
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"a.b", "%2A", "x y", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		back, err := ParseToken(string(AppendToken(nil, s)))
		require.NoError(t, err)
		require.Equal(t, s, back)
		if name, err := ParseToken(s); err == nil {
			require.Equal(t, s, string(AppendToken(nil, name)))
		}
	})
}

func TestCoversSaysWhetherAPatternHasAllOfAnother(t *testing.T) {
	patterns := []string{">", "*", "a", "a.>", "a.*", "*.b", "a.b", "*.>", "*.*", "a.*.c", "a.b.>", "a.b.c", "*.*.>", "b"}
	names := []string{"a", "b", "x", "a.b", "a.x", "b.b", "x.y", "a.b.c", "a.x.c", "a.b.x", "x.y.z", "a.b.c.d", "x.y.z.w"}
	for _, p := range patterns {
		for _, q := range patterns {
			all := true
			for _, name := range names {
				all = all && (!Match(q, name) || Match(p, name))
			}
			require.Equal(t, all, Covers(p, q), "%s %s", p, q)
		}
	}
}
