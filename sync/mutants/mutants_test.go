package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The full run is a command, as it takes minutes. This keeps it from rotting.
func TestEveryMutantStillFitsTheCode(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	for i := range mutants {
		m := &mutants[i]
		_, _, err := m.apply(root)
		assert.NoError(t, err)
		for _, c := range m.catchers() {
			for _, test := range c.tests {
				assert.True(t, defines(t, filepath.Join(root, c.pkg), test), "%s: there is no %s in %s", m.name, test, c.pkg)
			}
		}
	}
}

func defines(t *testing.T, dir, test string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.Contains(string(b), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}

func TestThePageListsEveryMutant(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "wrong-implementations.md"))
	require.NoError(t, err)
	require.Equal(t, markdown(mutants), string(page), "write it anew: go run ./sync/mutants -markdown > docs/wrong-implementations.md")
}

func TestNamesOfMutantsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutants {
		assert.False(t, seen[m.name], m.name)
		seen[m.name] = true
		assert.NotEmpty(t, m.harm, m.name)
	}
	assert.GreaterOrEqual(t, len(mutants), 20)
}

// A run that reports all mutants as caught shows nothing unless it can report
// something else.
func TestEveryVerdictIsPossible(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	l, err := newLab()
	require.NoError(t, err)
	defer l.close()
	const now = "c.last = max(c.last+1, c.physical())"
	try := func(put string) Result {
		return l.tryOne(t.Context(), 0, &mutant{in: "crdt/hlc", old: now, put: put, by: "crdt/hlc: TestClockCountsWithinAMillisecond"})
	}
	assert.Equal(t, Caught, try("c.last = c.physical()").Verdict)
	assert.Equal(t, Survived, try("c.last = max(c.physical(), c.last+1)").Verdict)
	assert.Equal(t, Broken, try("c.last = physical").Verdict)
	assert.Equal(t, Stale, try(now).Verdict)
	r := l.tryOne(t.Context(), 0, &mutant{in: "crdt/hlc", old: "func (", put: "func  (", by: "crdt/hlc: TestTimeString"})
	assert.Equal(t, Stale, r.Verdict, "where it belongs is not clear")

	half := catcher{"p", []string{"TestX", "TestY"}}
	assert.Equal(t, Survived, judge(half, "--- FAIL: TestX (0.00s)\nFAIL", os.ErrInvalid), "one of two is not enough")
	assert.Equal(t, Caught, judge(half, "panic: test timed out after 1m0s", os.ErrInvalid))
}

func TestACatcherThatDoesNotExistIsAnError(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	l, err := newLab()
	require.NoError(t, err)
	defer l.close()
	err = l.baseline(t.Context(), []mutant{{by: "crdt/hlc: TestNobodyWrote"}})
	require.ErrorContains(t, err, "there is no TestNobodyWrote")
}
