package message

import (
	"slices"
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
	s := NewSubjects("shop.eu", causal.ID{1})
	names := []string{"a", "A", "a.b", "a%2Eb", "a%b", "a b", "a*b", "*", ">", "a\tb", "é", "e\u0301", "a%25b"}
	seen := map[string]string{}
	for _, name := range names {
		subject := s.Delta(name)
		require.NotContains(t, subject, " ")
		require.NotContains(t, strings.TrimPrefix(subject, "joinery."), "*")
		require.Empty(t, seen[subject], "%q and %q", name, seen[subject])
		seen[subject] = name
		back, _, err := s.Check(subject, sent(causal.ID{1}, KindDelta))
		require.NoError(t, err)
		require.Equal(t, name, back)
	}
	self := causal.ID{1}.String()
	require.Equal(t, "joinery.shop%2Eeu.d."+self+".a.b", s.Delta("a.b"))
	require.Equal(t, "joinery.shop%2Eeu.d.*.a.*.>", s.Deltas("a.*.>"))
	require.NotEqual(t, s.To(causal.ID{1}, KindPull), s.To(causal.ID{2}, KindPull))
	require.NotEqual(t, s.Any(), s.Beacon())
	require.NotEqual(t, s.Delta("a"), s.Relay("a"))
}

// sent is the beginning of a message.
func sent(from causal.ID, k Kind) []byte {
	b := Append(nil, Header{From: causal.Actor{ID: from, Incarnation: 1}, Nonce: 1}, &Fetch{})
	b[1] = byte(k)
	return b
}

// TestSubjectsBindSendersAndKinds lists where each kind of message may come.
func TestSubjectsBindSendersAndKinds(t *testing.T) {
	me, other := causal.ID{1}, causal.ID{2}
	s := NewSubjects("s", me)
	to := func(k Kind) string { return s.To(other, k) }
	all := []string{
		s.Delta("a.b"), s.Relay("a.b"), s.Any(), to(KindSurvey), to(KindOwn), to(KindPush), s.Beacon(),
		s.ScopeBeacon("a.>"), s.Within(s.Any(), "a.>"), s.Within(to(KindSurvey), "a.>"), s.Within(to(KindOwn), "a.>"), s.Within(to(KindPush), "a.>"),
	}
	anybody := []string{all[2], all[3], all[8], all[9]}
	ask, own, news := []string{all[3], all[9]}, []string{all[4], all[10]}, []string{all[5], all[11]}
	right := map[Kind][]string{
		KindDelta: all[:1], KindRelay: all[1:2], KindBeacon: append([]string{all[6], all[7]}, ask...), KindMuster: all[6:7], KindCover: all[6:7], KindCovered: ask, KindPull: anybody, KindSurvey: anybody,
		KindListing: ask, KindFetch: ask, KindDecline: ask, KindTable: news, KindOwn: own, KindPush: news, KindChunk: append(own, news...), KindAsk: ask, KindReply: news,
	}
	for k := Kind(1); newBody(k) != nil; k++ {
		require.Contains(t, right, k, "%v: say where it may come", k)
		for _, subject := range all {
			doc, scope, err := s.Check(subject, sent(me, k))
			_, _, forged := s.Check(subject, sent(other, k))
			require.ErrorIs(t, forged, ErrSubject)
			if !slices.Contains(right[k], subject) {
				require.ErrorIs(t, err, ErrSubject, "%v on %s", k, subject)
				continue
			}
			require.NoError(t, err, "%v on %s", k, subject)
			require.Equal(t, k == KindDelta || k == KindRelay, doc == "a.b")
			require.Equal(t, slices.Index(all, subject) >= 7, scope == "a.>")
		}
	}
}

func TestSubjectsOfOthersAreRefused(t *testing.T) {
	s := NewSubjects("s", causal.ID{1})
	self := causal.ID{1}.String()
	for _, subject := range []string{
		"", "joinery", "joinery.s", "joinery.s.", "joinery.other.b." + self, "joinery.s.b", "joinery.s.b." + self + ".x",
		"joinery.s.x." + self, "joinery.s.r." + self, "joinery.s.r." + self + ".ask", "joinery.s.d." + self + ".%zz", "joinery.s.p." + self,
		"joinery.s.r." + self + ".d." + self + ".a", "joinery.s.ask." + self, "joinery.s.i." + self, "joinery.s.q." + self + ".",
	} {
		for k := Kind(0); k <= KindCovered; k++ {
			_, _, err := s.Check(subject, sent(causal.ID{1}, k))
			require.Error(t, err, "%v on %q", k, subject)
		}
	}
	for n := range len(sent(causal.ID{1}, KindBeacon)) {
		if n < 20 {
			_, _, err := s.Check(s.Beacon(), sent(causal.ID{1}, KindBeacon)[:n])
			require.ErrorIs(t, err, ErrMalformed)
		}
	}
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
