package causal

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func randomActor(rng *rand.Rand) (a Actor) {
	rng.Read(a.ID[:])
	if rng.Intn(2) == 0 {
		a.Incarnation = rng.Uint64()
	}
	return a
}

func TestNamesReadBackWhatTheyWrite(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 1_000 {
		a := randomActor(rng)
		d := Dot{a, 1 + rng.Uint64()%MaxSeq}
		id, err := ParseID(a.ID.String())
		require.NoError(t, err)
		require.Equal(t, a.ID, id)
		actor, err := ParseActor(a.String())
		require.NoError(t, err)
		require.Equal(t, a, actor)
		dot, err := ParseDot(d.String())
		require.NoError(t, err)
		require.Equal(t, d, dot)
	}
}

func TestNamesHaveTheDocumentedForm(t *testing.T) {
	a := Actor{ID: ID{0x01, 0x23, 4: 0x45, 6: 0x67, 8: 0x89, 10: 0xab, 15: 0xcd}, Incarnation: 10}
	require.Equal(t, "01230000-4500-6700-8900-ab00000000cd/000000000000000a@7", Dot{a, 7}.String())
	a.Incarnation = 0
	require.Equal(t, "01230000-4500-6700-8900-ab00000000cd", a.String())
	plain, err := ParseID("01230000450067008900ab00000000cd"[:32])
	require.NoError(t, err)
	require.NotEqual(t, ID{}, plain)
}

func TestParsersRefuseWhatIsNoName(t *testing.T) {
	const id = "01230000-4500-6700-8900-ab00000000cd"
	for _, s := range []string{"", "x", id[:35], id + "0", "0123000-04500-6700-8900-ab00000000cd", "g" + id[1:]} {
		_, err := ParseID(s)
		require.ErrorIs(t, err, ErrSyntax, "id %q", s)
	}
	for _, s := range []string{"", "/", id + "/", id + "/1", id + "/000000000000000g", id + "/+00000000000000a", id + "/0000000000000000"} {
		_, err := ParseActor(s)
		require.ErrorIs(t, err, ErrSyntax, "actor %q", s)
	}
	for _, s := range []string{"", "@", id, id + "@", id + "@0", id + "@-1", id + "@1@2"} {
		_, err := ParseDot(s)
		require.ErrorIs(t, err, ErrSyntax, "dot %q", s)
	}
}

// A dot above MaxSeq would overflow the ends of ranges wherever it got in.
func TestParseDotRefusesNumbersAboveMaxSeq(t *testing.T) {
	const id = "01230000-4500-6700-8900-ab00000000cd"
	d, err := ParseDot(id + "@4611686018427387903")
	require.NoError(t, err)
	require.Equal(t, uint64(MaxSeq), d.Seq)
	for _, s := range []string{"@4611686018427387904", "@18446744073709551615", "@18446744073709551616"} {
		_, err = ParseDot(id + s)
		require.ErrorIs(t, err, ErrSyntax)
	}
}

func TestActorsAndDotsAreOrdered(t *testing.T) {
	want := []Dot{{people[0], 1}, {people[0], 2}, {people[1], 1}, {people[2], 1}, {people[3], 9}}
	got := slices.Clone(want)
	rand.New(rand.NewSource(1)).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, Dot.Compare)
	require.Equal(t, want, got)
	require.Zero(t, got[1].Compare(want[1]))
}

func TestZeroNamesAreUnset(t *testing.T) {
	require.True(t, ID{}.IsZero())
	require.True(t, Actor{}.IsZero())
	require.True(t, Dot{}.IsZero())
	require.False(t, Actor{Incarnation: 1}.IsZero())
	require.False(t, Dot{Seq: 1}.IsZero())
}

func FuzzParse(f *testing.F) {
	const id = "01230000-4500-6700-8900-ab00000000cd"
	for _, s := range []string{"", id, id + "/000000000000000a", id + "/000000000000000a@7", id + "@1", "012300004500670008900ab000000cd0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseID(s); err == nil {
			again, err := ParseID(v.String())
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
		if v, err := ParseActor(s); err == nil {
			again, err := ParseActor(v.String())
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
		if v, err := ParseDot(s); err == nil {
			again, err := ParseDot(v.String())
			require.NoError(t, err)
			require.Equal(t, v, again)
			require.True(t, 1 <= v.Seq && v.Seq <= MaxSeq)
		}
	})
}
