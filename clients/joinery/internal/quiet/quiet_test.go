package quiet

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatRepeatsIsSaidSeldomAndCounted(t *testing.T) {
	var out bytes.Buffer
	h := New(slog.NewTextHandler(&out, nil)).WithAttrs([]slog.Attr{slog.String("space", "s")})
	start := time.Unix(1e9, 0)
	say := func(after time.Duration, level slog.Level, text string) {
		require.NoError(t, h.Handle(context.Background(), slog.NewRecord(start.Add(after), level, text, 0)))
	}
	for range 1000 {
		say(0, slog.LevelWarn, "dropped")
	}
	require.Equal(t, Burst, strings.Count(out.String(), "dropped"))
	say(time.Second, slog.LevelWarn, "another")
	say(time.Second, slog.LevelError, "dropped")
	require.Contains(t, out.String(), "another")
	require.Contains(t, out.String(), "level=ERROR")
	say(Window, slog.LevelWarn, "dropped")
	require.Contains(t, out.String(), "omitted=995")
	say(Window, slog.LevelWarn, "dropped")
	require.Equal(t, 1, strings.Count(out.String(), "omitted"))
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	h := New(slog.DiscardHandler)
	for i := range 3 * maxKnown {
		r := slog.NewRecord(time.Unix(1, 0), slog.LevelInfo, strings.Repeat("x", i), 0)
		require.NoError(t, h.Handle(context.Background(), r))
		require.LessOrEqual(t, len(h.shared.seen), maxKnown)
	}
}
