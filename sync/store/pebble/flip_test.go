package pebble_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// TestDamageIsFoundOrTakesTheTailAlone flips bits of, cuts and zeroes any file of a
// store. It does not open, or reads return errors, or what they return is right; what is
// missing without a word is the end of the log, which looks as if it had been torn
// by a crash.
func TestDamageIsFoundOrTakesTheTailAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := pebble.Open(dir, small)
	require.NoError(t, err)
	for i := range batches {
		require.NoError(t, s.Apply(numbered(i), true))
	}
	require.NoError(t, s.Close())
	rounds := long(t, "JOINERY_DAMAGES", 100)
	if testing.Short() {
		rounds = 30
	}
	outcomes := map[string]int{}
	for seed := range uint64(rounds) {
		copied := filepath.Join(t.TempDir(), strconv.FormatUint(seed, 10))
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		rng := rand.New(rand.NewPCG(seed, 1))
		what := damageOne(t, rng, copied)
		outcome, err := readAll(copied)
		require.NoError(t, err, "seed %d: %s", seed, what)
		outcomes[outcome]++
		require.NoError(t, os.RemoveAll(copied))
	}
	t.Log(outcomes)
	require.Positive(t, outcomes["refused to open"]+outcomes["found by a read"])
}

// damageOne damages one file, chosen by the number of its bytes.
func damageOne(t *testing.T, rng *rand.Rand, dir string) string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var sizes []int64
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		sizes = append(sizes, info.Size())
		total += info.Size()
	}
	at := rng.Int64N(total)
	i := 0
	for ; at >= sizes[i]; i++ {
		at -= sizes[i]
	}
	path := filepath.Join(dir, entries[i].Name())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	what := "flipped"
	switch rng.IntN(3) {
	case 0:
		data[at] ^= 1 << rng.IntN(8)
	case 1:
		what, data = "cut", data[:at]
	case 2:
		what = "zeroed"
		page := data[at&^4095:]
		clear(page[:min(4096, len(page))])
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return fmt.Sprintf("%s %s at %d", entries[i].Name(), what, at)
}

// readAll says what became of a damaged store, or returns an error if reads returned
// what was not written.
func readAll(dir string) (string, error) {
	s, err := pebble.Open(dir, small)
	if err != nil {
		return "refused to open", nil
	}
	n, err := checkPrefix(s)
	if err != nil && strings.Contains(err.Error(), "carrier") {
		return "", errors.Join(err, s.Close())
	}
	switch {
	case errors.Is(err, store.ErrCorrupt):
		return "found by a read", s.Close()
	case n == batches:
		return "harmless", errors.Join(err, s.Close())
	default:
		return "lost a tail", errors.Join(err, s.Close())
	}
}
