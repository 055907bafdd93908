package joinery_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
)

var aMillion = flag.Bool("joinery.million", false, "list a million documents")

func named(t *testing.T, r *joinery.Replica, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, r.Doc(name).Flag("x").Enable(background))
	}
}

func TestAListBeginsAfterANameAndEndsAtItsLimit(t *testing.T) {
	r := alone(t)
	named(t, r, "a.3", "a.1", "b.1", "a.2", "a-1", "a")
	list := func(pattern string, opts ...joinery.ListOption) []string {
		return slices.Collect(r.Docs(pattern, opts...))
	}
	require.Equal(t, []string{"a.1", "a.2"}, list("a.*", joinery.Limit(2)))
	require.Equal(t, []string{"a.3"}, list("a.*", joinery.Limit(2), joinery.After("a.2")))
	require.Equal(t, []string{"a.3", "b.1"}, list(">", joinery.After("a.2x")), "there need be no such document")
	require.Equal(t, []string{"a", "a-1", "a.1", "a.2", "a.3", "b.1"}, list(">", joinery.Limit(0), joinery.After("")))
	require.Equal(t, []string{"a.2"}, list("a.2", joinery.After("a.1")))
	require.Empty(t, list("a.2", joinery.After("a.2")))
	require.Empty(t, list("a.>", joinery.After("a.3")))
	for _, bad := range []string{"", "a..b", ">.a", "a*", ".", "a."} {
		require.Empty(t, list(bad), bad)
	}
}

func TestTheBodyOfAListMayWrite(t *testing.T) {
	r := alone(t)
	for i := range 700 {
		named(t, r, fmt.Sprintf("in.%03d", i))
	}
	n := 0
	for name := range r.Docs("in.*") {
		require.NoError(t, r.Doc("out."+name).Counter("n").Inc(background, 1))
		require.NoError(t, r.Doc(name).Delete(background))
		n++
	}
	require.Equal(t, 700, n)
	require.Len(t, slices.Collect(r.Docs("out.>")), 700)
}

// TestWhatStaysIsListedOnceWhateverComesAndGoes: the loop's body is the other
// writer, in all places before and behind the cursor.
func TestWhatStaysIsListedOnceWhateverComesAndGoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := alone(t)
	stays := map[string]bool{}
	for i := range 600 {
		name := fmt.Sprintf("d.%03d.stays", i)
		stays[name] = true
		named(t, r, name)
	}
	var listed []string
	for name := range r.Docs("d.*.*") {
		listed = append(listed, name)
		for range 3 {
			named(t, r, fmt.Sprintf("d.%03d.%d", rng.IntN(600), rng.IntN(5)))
		}
	}
	require.True(t, slices.IsSorted(listed))
	require.Equal(t, len(listed), len(slices.Compact(slices.Clone(listed))), "none twice")
	for name := range stays {
		require.Contains(t, listed, name)
	}
}

// ofEachType fills a document with all types under the same names.
func ofEachType(t *testing.T, d *joinery.Doc) {
	t.Helper()
	require.NoError(t, d.Update(background, func(tx *joinery.Tx) error {
		fill := func(m joinery.Map) {
			for _, name := range []string{"a", "ab", "b", "ü", ""} {
				require.NoError(t, m.Register(name).Set(background, 1))
				require.NoError(t, m.Counter(name).Inc(background, 1))
				require.NoError(t, m.DisableWinsFlag(name).Enable(background))
				require.NoError(t, m.Set(name).Add(background, "a", 7))
				require.NoError(t, m.RemoveWinsSet(name).Add(background, "a", 7))
				require.NoError(t, m.LWWMap(name).Put(background, "a", 1))
				require.NoError(t, m.LWWMap(name).Put(background, "b", 1))
			}
		}
		fill(tx.Map("a"))
		fill(tx.Map("a").Map("ab"))
		fill(tx.Map("b"))
		return tx.LWWMap("a").Put(background, "ab", 2)
	}))
}

func TestPagesOfFieldsMakeUpAllFields(t *testing.T) {
	d := alone(t).Doc("d")
	ofEachType(t, d)
	for _, path := range [][]string{nil, {"a"}, {"a", "ab"}, {"a", "a"}, {"x"}} {
		for _, prefix := range []string{"", "a", "ab", "x"} {
			var want []joinery.Field
			for f := range d.FieldsAt(path...) {
				if prefix == "" || len(f.Path) > len(path) && strings.HasPrefix(f.Path[len(path)], prefix) {
					want = append(want, f)
				}
			}
			for _, limit := range []int{1, 2, 7, 1000, 0} {
				var have []joinery.Field
				q := joinery.FieldRange{Path: path, Prefix: prefix, Limit: limit}
				for {
					p, err := d.FieldPage(q)
					require.NoError(t, err)
					require.True(t, limit == 0 || len(p.Fields) <= limit)
					have = append(have, p.Fields...)
					if q.After = p.Next; q.After == "" {
						break
					}
				}
				require.Equal(t, want, have, "%q %q by %d", path, prefix, limit)
			}
		}
	}
}

func TestAFieldThatWentIsAPlaceToGoOn(t *testing.T) {
	d := alone(t).Doc("d")
	for i := range 6 {
		require.NoError(t, d.Register(fmt.Sprint(i)).Set(background, i))
	}
	first, err := d.FieldPage(joinery.FieldRange{Limit: 3})
	require.NoError(t, err)
	require.NoError(t, d.Register("2").Remove(background))
	require.NoError(t, d.Register("25").Set(background, 25))
	require.NoError(t, d.Register("05").Set(background, 5), "before the page: not seen any more")
	rest, err := d.FieldPage(joinery.FieldRange{After: first.Next})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"25"}, {"3"}, {"4"}, {"5"}}, pathsOf(rest.Fields))
	require.Empty(t, rest.Next)
}

func pathsOf(all []joinery.Field) (out [][]string) {
	for _, f := range all {
		out = append(out, f.Path)
	}
	return out
}

func TestACursorThatIsNoneIsRefused(t *testing.T) {
	d := alone(t).Doc("d")
	for _, bad := range []string{"?", "AA", "AP8", "AAX", string(make([]byte, 2<<20))} {
		_, err := d.FieldPage(joinery.FieldRange{After: bad})
		require.ErrorIs(t, err, joinery.ErrConfig, "%.10q", bad)
		require.ErrorContains(t, err, `"d"`)
	}
}

// TestAMillionDocumentsAreListed reports what pages cost beside a walk through all.
func TestAMillionDocumentsAreListed(t *testing.T) {
	if !*aMillion {
		t.Skip("takes a minute and gigabytes; -joinery.million runs it")
	}
	r := alone(t)
	const n = 1_000_000
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("fleet.%06d.engine", i)
		named(t, r, want[i])
	}
	start, i := time.Now(), 0
	for name := range r.Docs("fleet.*.engine") {
		if name != want[i] {
			t.Fatal(name, want[i])
		}
		i++
	}
	require.Equal(t, n, i)
	t.Logf("all %d by pattern in %v", n, time.Since(start))
	var before, after runtime.MemStats
	for _, pattern := range []string{">", "fleet.*.engine", "fleet.7.>", "fleet.*.brakes"} {
		rng := rand.New(rand.NewPCG(1, 2))
		var took []time.Duration
		runtime.ReadMemStats(&before)
		for range 200 {
			from := want[rng.IntN(n)]
			start := time.Now()
			for range r.Docs(pattern, joinery.After(from), joinery.Limit(100)) {
			}
			took = append(took, time.Since(start))
		}
		runtime.ReadMemStats(&after)
		slices.Sort(took)
		t.Logf("%-16s 100 names from anywhere: p50 %v, p99 %v, %d bytes", pattern, took[100], took[197], (after.TotalAlloc-before.TotalAlloc)/200)
	}
}
