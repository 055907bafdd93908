package delta

import (
	"fmt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/stretchr/testify/require"
	"math/rand"
	"testing"
)

func put(s *kernel.State, p *Pending, key, val string, ts uint64) {
	seq := s.Next(p.Self)
	k := s.Assign(p.Self, seq, &kernel.Payload{Tag: 2, Key: key, Value: val, Time: 1 << 40}, nil)
	p.Record(seq, k)
}
func TestSmoke(t *testing.T) {
	mk := func(n byte) (*kernel.State, *Pending) {
		s := &kernel.State{}
		return s, &Pending{Self: s.Intern(causal.Actor{ID: causal.ID{n}})}
	}
	a, pa := mk(1)
	b, pb := mk(2)
	put(a, pa, "x", "1", 1)
	d, _ := pa.Seal(nil, a, 0)
	fmt.Println(len(d))
	require.NoError(t, d.Merge(b))
	require.Equal(t, a.Digest(), b.Digest())
	put(b, pb, "x", "2", 1)
	d2, _ := pb.Seal(nil, b, 0)
	put(a, pa, "x", "3", 1)
	require.NoError(t, d2.Merge(a))
	d3, _ := pa.Seal(nil, a, 0)
	require.NoError(t, d3.Merge(b))
	require.Equal(t, a.Digest(), b.Digest())
	require.Equal(t, 2, b.Dots())
	require.NoError(t, b.Verify())
	rng := rand.New(rand.NewSource(1))
	var ds []Delta
	for i := 0; i < 20000; i++ {
		s, p := a, pa
		if rng.Intn(2) == 0 {
			s, p = b, pb
		}
		put(s, p, fmt.Sprint(rng.Intn(3000)), "v", 1)
		if rng.Intn(10) == 0 {
			d, _ := p.Seal(nil, s, 200)
			ds = append(ds, d)
		}
	}
	for pa.Len() > 0 {
		d, _ := pa.Seal(nil, a, 500)
		ds = append(ds, d)
	}
	for pb.Len() > 0 {
		d, _ := pb.Seal(nil, b, 500)
		ds = append(ds, d)
	}
	c := &kernel.State{}
	for _, i := range rng.Perm(len(ds)) {
		require.NoError(t, ds[i].Merge(a))
	}
	for _, i := range rng.Perm(len(ds)) {
		require.NoError(t, ds[i].Merge(b))
	}
	require.NoError(t, a.Verify())
	require.NoError(t, b.Verify())
	require.Equal(t, a.Digest(), b.Digest())
	require.NoError(t, Delta(AppendState(nil, a)).Merge(c))
	require.Equal(t, a.Digest(), c.Digest())
	require.NoError(t, c.Verify())
	fmt.Println(a.Dots(), len(AppendState(nil, a)))
}
