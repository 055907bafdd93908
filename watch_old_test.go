package joinery

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
)

// at is a reading of a register that is there or not.
func at(name, value string) *reading {
	return &reading{spot{tag: crdt.TagRegister, key: name}, found{value: value, exists: value != ""}}
}

// TestOldValuesAboveTheirBoundAreUnknown: what does not fit is not taken for
// what was not there.
func TestOldValuesAboveTheirBoundAreUnknown(t *testing.T) {
	const mebibyte = 1 << 20
	large := strings.Repeat("x", mebibyte)
	s := newShown()
	fit := 0
	for ; !s.partial; fit++ {
		_, ok := s.swap("d", at(fmt.Sprint(fit), large))
		require.True(t, ok, "nothing was there, as far as all fitted")
	}
	require.Equal(t, maxOld/mebibyte, fit, "and one of them did not fit")
	require.LessOrEqual(t, s.bytes, maxOld)

	before, ok := s.swap("d", at("0", "small"))
	require.True(t, ok)
	require.Equal(t, large, before.value)
	_, ok = s.swap("d", at("new", "small"))
	require.False(t, ok, "it may have been there and not fitted")
	before, ok = s.swap("d", at("new", ""))
	require.True(t, ok, "there is room again")
	require.Equal(t, "small", before.value)
	_, ok = s.swap("d", at("new", "small"))
	require.False(t, ok)
}

// TestTheReadmesLimitsOfFieldsAndWatchesAreTheCodes: others are compared where
// they are exported.
func TestTheReadmesLimitsOfFieldsAndWatchesAreTheCodes(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, row := range []string{
		fmt.Sprintf("| fields of one document, by this replica's writes | %dM (`Config.MaxFields`) |", maxFields>>20),
		fmt.Sprintf("| what a watch with `OldValues` keeps | %d MiB; then `Old` may be unknown |", maxOld>>20),
	} {
		require.Contains(t, string(readme), "\n"+row+"\n")
	}
}

func TestOldValuesTakeNoRoomForWhatIsGone(t *testing.T) {
	s := newShown()
	for i := range 100 {
		s.swap("d", at(fmt.Sprint(i), "value"))
	}
	require.NotZero(t, s.bytes)
	for i := range 100 {
		s.swap("d", at(fmt.Sprint(i), ""))
	}
	require.Zero(t, s.bytes)
	require.Empty(t, s.known)
}
