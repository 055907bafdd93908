package broker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker"
)

func TestSubjectsThatCanBePublishedOn(t *testing.T) {
	for _, s := range []string{"a", "a.b.c", "$SYS.x", "a*b", "größe.ü", "a>", strings.Repeat("x", broker.MaxSubject)} {
		require.NoError(t, broker.CheckSubject(s), s)
	}
	for _, s := range []string{
		"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\nb", "a\x00", "\x7f", "*", "a.*", ">", "a.>",
		"a\xffb", strings.Repeat("x", broker.MaxSubject+1),
	} {
		require.ErrorIs(t, broker.CheckSubject(s), broker.ErrSubject, "%q", s)
	}
}

func TestPatternsMayHoldWildcards(t *testing.T) {
	for _, p := range []string{"a", "*", ">", "a.*", "*.b", "a.>", "*.*.>", "a*.b"} {
		require.NoError(t, broker.CheckPattern(p), p)
	}
	for _, p := range []string{"", "a.", ">.a", "a.>.b", "a.\n", strings.Repeat("x", broker.MaxSubject+1)} {
		require.ErrorIs(t, broker.CheckPattern(p), broker.ErrSubject, "%q", p)
	}
}

func TestQueueNamesAreOneWord(t *testing.T) {
	require.NoError(t, broker.CheckQueue(""))
	require.NoError(t, broker.CheckQueue("workers.1"))
	require.ErrorIs(t, broker.CheckQueue("two words"), broker.ErrSubject)
	require.ErrorIs(t, broker.CheckQueue(strings.Repeat("q", broker.MaxQueue+1)), broker.ErrSubject)
}

func TestMatchFollowsNATS(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a.b", false}, {"a.b", "a", false},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a", false},
		{"a.*.c", "a.b.c", true}, {"a.*.c", "a.b.d", false}, {"*.b", "a.b", true},
		{">", "a", true}, {">", "a.b.c", true}, {"a.>", "a.b", true}, {"a.>", "a.b.c", true},
		{"a.>", "a", false}, {"a.>", "b.c", false}, {"*.>", "a", false}, {"*.>", "a.b", true},
		{"a*", "ab", false}, {"a*", "a*", true},
	} {
		require.Equal(t, c.want, broker.Match(c.pattern, c.subject), "%s on %s", c.pattern, c.subject)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { broker.Match("a.*.c.>", "a.b.c.d.e") }))
}

func TestEventKindsHaveNames(t *testing.T) {
	require.Equal(t, "connected", broker.Connected.String())
	require.Equal(t, "closed", broker.Closed.String())
	require.Equal(t, "event(99)", broker.EventKind(99).String())
}
