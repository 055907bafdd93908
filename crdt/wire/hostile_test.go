package wire

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

var someone = causal.Actor{ID: causal.ID{1}}

// Allowed scratch of validation: base + factor times the input.
const (
	scratchBase   = 64 << 10
	scratchFactor = 16
)

// scratch returns the bytes that f allocates.
func scratch(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// builder writes fragments that no encoder would write.
type builder []byte

func of(actors ...causal.Actor) builder {
	b := AppendUint(nil, uint64(len(actors)))
	for _, a := range actors {
		b = AppendActor(b, a)
	}
	return b
}

func (b builder) uint(vs ...uint64) builder {
	b = slices.Clip(b) // several may go on from one beginning
	for _, v := range vs {
		b = AppendUint(b, v)
	}
	return b
}

func (b builder) ranges(rs ...causal.Range) builder { return AppendRanges(slices.Clip(b), rs) }

func (b builder) raw(s string) builder { return append(slices.Clip(b), s...) }

// every returns n single numbers, step apart.
func every(n int, first, step uint64) (rs causal.Ranges) {
	for i := range uint64(n) {
		rs = append(rs, causal.Range{Lo: first + step*i, Hi: first + step*i})
	}
	return rs
}

func crowd(n int) (actors []causal.Actor) {
	for i := range n {
		actors = append(actors, causal.Actor{ID: causal.ID{0: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}})
	}
	return actors
}

// greedy are inputs that announce much or make the decoder work.
func greedy() map[string]fragment {
	const huge = 1 << 60
	run := builder(append(bytes.Repeat([]byte{1}, 16), 0, 0, 0, 0, 0, 0))
	one := of(someone)
	claims := every(20_000, 1, 2)
	return map[string]fragment{
		"2^32-1 actors":           {builder{}.uint(1<<32 - 1), 0},
		"65535 actors":            {builder{}.uint(65535), 0},
		"65535 ranges":            {one.uint(65535), 0},
		"2^60 actors":             {builder{}.uint(huge), 0},
		"as many actors as bytes": {builder{}.uint(5_000).raw(string(make([]byte, 100_000))), 0},
		"2^60 ranges":             {one.uint(huge), 0},
		"ranges without end":      {one.uint(40_000).raw(string(make([]byte, 80_000))), 0},
		"2^60 adds":               {one.ranges(causal.Range{Lo: 1, Hi: huge}).uint(0, huge), 0},
		"a claim of 2^60 dots":    {one.ranges(causal.Range{Lo: 1, Hi: huge}).uint(0, 0), 0},
		"deaths of 2^60 dots":     {one.uint(0).ranges(causal.Range{Lo: 1, Hi: huge}).uint(0), 0},
		"claims among deaths":     {of(someone).ranges(claims...).ranges(claims...).uint(0), 0},
		"kept among claims":       {of(someone).ranges(claims...).ranges(claims...).uint(0, 0), Kept},
		"kept outside claims":     {of(someone).uint(0).ranges(claims...).uint(0, 0), Kept},
		"many actors":             {of(crowd(5_000)...).raw(string(make([]byte, 15_000))), 0},
		"many actors and ranges":  {of(crowd(5_000)...).ranges(claims...).ranges(every(20_000, 2, 2)...), 0},
		"a deep path each":        {deepPaths(3_000), 0},
		"many empty adds":         {one.ranges(causal.Range{Lo: 1, Hi: huge}).uint(0, 100_000).raw("\x08\x01\xa0" + string(bytes.Repeat([]byte{0xa0}, 99_999))), 0},
		"a run of empty adds":     {run.uint(0, 1).raw("\x08\x01\xa0" + string(bytes.Repeat([]byte{0xa0}, 99_999))), Run},
		"a string of 4 GiB":       {run.uint(0, 1).raw("\xdb\xff\xff\xff\xff"), Run},
		"a value of 4 GiB":        {run.uint(0, 1).raw("\xa0\xc6\xff\xff\xff\xff"), Run},
		"long names at depth":     {run.uint(0, 1).raw("\x04\x00\x1f" + string(bytes.Repeat([]byte("\x08\xda\x10\x00"+string(make([]byte, 4096))), 31))), Run},
	}
}

// deepPaths is n actors with one add each, five components deep.
func deepPaths(n int) builder {
	b := of(crowd(n)...)
	for range n {
		b = append(b, "\x01\x00\x00\x00\x01\x04\x00\x05\x08\xa0\x08\xa0\x08\xa0\x08\xa0\x08\xa0\xa0\xc4\x00"...)
	}
	return b
}

func TestValidationAllocatesWithinItsBound(t *testing.T) {
	for name, f := range greedy() {
		t.Run(name, func(t *testing.T) {
			used := scratch(func() { _, _ = Parse(f.form, f.body) })
			require.LessOrEqual(t, used, uint64(scratchBase+scratchFactor*len(f.body)))
		})
	}
}

func TestValidationOfOrdinaryFragmentsAllocatesLittle(t *testing.T) {
	f := unit(puts(1000, 1, simple), 1, 1000)
	require.LessOrEqual(t, testing.AllocsPerRun(20, func() { _, _ = Parse(f.form, f.body) }), 2.0)
}

func TestRangesOfHugeSizeCostNothing(t *testing.T) {
	for _, name := range []string{"a claim of 2^60 dots", "deaths of 2^60 dots"} {
		f := greedy()[name].parse(t)
		s := newWorld(1).grow(t, 60).replicas[0].State
		used := scratch(func() { f.Brings(s); f.Apply(s); f.Again(s) })
		require.Less(t, used, uint64(scratchBase), name)
		require.NoError(t, s.Verify())
	}
}

// refused are fragments that are well-formed msgpack and break a rule.
var refused = map[string]fragment{
	"actor 0":                {of(causal.Actor{}).uint(0, 0, 0), 0},
	"actors out of order":    {of(causal.Actor{ID: causal.ID{2}}, someone).uint(0, 0, 0, 0, 0, 0), 0},
	"an actor twice":         {of(someone, someone).uint(0, 0, 0, 0, 0, 0), 0},
	"payload not claimed":    {of(someone).ranges(causal.Range{Lo: 1, Hi: 1}).uint(0, 2).raw("\xa0\xc4\x00\xa0\xc4\x00"), 0},
	"payload in a gap":       {of(someone).ranges(causal.Range{Lo: 1, Hi: 1}, causal.Range{Lo: 3, Hi: 3}).uint(0, 2).raw("\xa0\xc4\x00\xa0\xc4\x00"), 0},
	"payload without claims": {of(someone).uint(0, 0, 1).raw("\xa0\xc4\x00"), 0},
	"dead and claimed":       {of(someone).ranges(causal.Range{Lo: 1, Hi: 5}).ranges(causal.Range{Lo: 5, Hi: 9}).uint(0), 0},
	"kept and not claimed":   {of(someone).ranges(causal.Range{Lo: 1, Hi: 5}).ranges(causal.Range{Lo: 5, Hi: 6}).uint(0, 0), Kept},
	"kept with payload":      {of(someone).ranges(causal.Range{Lo: 1, Hi: 1}).ranges(causal.Range{Lo: 1, Hi: 1}).uint(0, 1).raw("\xa0\xc4\x00"), Kept},
	"bytes behind the end":   {of(someone).uint(0, 0, 0, 0), 0},
	"op 0":                   {oneAdd("\x00\xa0\xc4\x00"), 0},
	"unknown op":             {oneAdd("\x40\xa0\xc4\x00"), 0},
	"gap of 0":               {oneAdd("\x01\x00\xa0\xc4\x00"), 0},
	"gap beyond all numbers": {oneAdd("\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa0\xc4\x00"), 0},
	"time below 0":           {oneAdd("\x02\xff\xa0\xc4\x00"), 0},
	"time overflows":         {oneAdd("\x02\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xa0\xc4\x00"), 0},
	"path that never was":    {oneAdd("\x04\x01\x00\xa0\xc4\x00"), 0},
	"path too deep":          {oneAdd("\x04\x00\x20" + string(bytes.Repeat([]byte("\x08\xa0"), 32)) + "\xa0\xc4\x00"), 0},
	"path of 2^64-1":         {oneAdd("\x04\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa0\xc4\x00"), 0},
	"tag 0":                  {oneAdd("\x08\x00\xa0\xc4\x00"), 0},
	"tag of 8 bits":          {oneAdd("\x08\xcc\x80\xa0\xc4\x00"), 0},
	"path with tag 0":        {oneAdd("\x04\x00\x01\x00\xa0\xa0\xc4\x00"), 0},
	"expiry 0":               {oneAdd("\x10\x00\xa0\xc4\x00"), 0},
	"expiry too late":        {oneAdd("\x10\xcf\x80\x00\x00\x00\x00\x00\x00\x00\xa0\xc4\x00"), 0},
	"value with an odd tag":  {oneAdd("\x08\x03\xa0\xc4\x00"), 0},
	"no value, even tag":     {oneAdd("\xa0"), 0},
	"text as value":          {oneAdd("\xa0\xa0"), 0},
	"key above the limit":    {oneAdd("\xda\x10\x01" + string(make([]byte, kernel.MaxKey+1)) + "\xc4\x00"), 0},
	"value above the limit":  {oneAdd("\xa0\xc6\x00\x02\x00\x01" + string(make([]byte, kernel.MaxValue+1))), 0},
	"path above the limit":   {oneAdd("\x04\x00\x01\x08\xda\x20\x01" + string(make([]byte, MaxPath+1)) + "\xa0\xc4\x00"), 0},
	"run without events":     {runOf("\x00\x01"), Run},
	"run of event 0":         {runOf("\x00\x00\xa0\xc4\x00"), Run},
	"run beyond all numbers": {runOf("\x00\xcf\x40\x00\x00\x00\x00\x00\x00\x00\xa0\xc4\x00"), Run},
	"run over the end":       {runOf("\x00\xcf\x3f\xff\xff\xff\xff\xff\xff\xff\xa0\xc4\x00\xa0\xc4\x00"), Run},
	"run with a gap":         {runOf("\x00\x01\x01\x01\xa0\xc4\x00"), Run},
	"run with a big counter": {runOf("\xce\x00\x01\x00\x00\x01\xa0\xc4\x00"), Run},
	"run of actor 0":         {append(make([]byte, 22), "\x00\x01\xa0\xc4\x00"...), Run},
	"run with kept dots":     {runOf("\x00\x01\xa0\xc4\x00"), Run | Kept},
	"run after all time":     {append(append(bytes.Repeat([]byte{1}, 16), 0x80, 0, 0, 0, 0, 0), "\x00\x01\xa0\xc4\x00"...), Run},
	"wide without run":       {of(someone).uint(0, 0, 0), Wide},
	"nothing":                {nil, 0},
}

// oneAdd claims one event, with the bytes of its add.
func oneAdd(add string) builder {
	return of(someone).ranges(causal.Range{Lo: 1, Hi: 9}).uint(0, 1).raw(add)
}

func runOf(rest string) builder {
	return append(append(bytes.Repeat([]byte{1}, 16), 0, 0, 0, 0, 0, 0), rest...)
}

func TestFragmentsThatBreakARuleAreRefused(t *testing.T) {
	for name, f := range refused {
		_, err := Parse(f.form, f.body)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	ok := fragment{oneAdd("\xa0\xc4\x00"), 0}
	ok.parse(t)
	fragment{runOf("\x00\x01\xa0\xc4\x00"), Run}.parse(t)
}

// The checksum is the frame's; without it, damage may go unseen but never
// breaks an invariant.
func TestDamagedFragmentsNeverBreakAState(t *testing.T) {
	w := newWorld(3).grow(t, 80)
	samples := append(slices.Clone(w.units[:12]), encode(w.replicas[0].State), unit(puts(5, 1, simple), 1, 5))
	for i, f := range samples {
		for cut := range f.body {
			if _, err := Parse(f.form, f.body[:cut]); f.form&Run == 0 {
				require.Error(t, err, "sample %d cut at %d", i, cut)
			}
		}
		for bit := range 8 * len(f.body) {
			b := bytes.Clone(f.body)
			b[bit/8] ^= 1 << (bit % 8)
			if p, err := Parse(f.form, b); err == nil {
				s := w.replicas[1].Clone()
				p.Apply(s)
				require.NoError(t, s.Verify(), "sample %d bit %d", i, bit)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range refused {
		if len(seed.body) < 500 {
			f.Add(uint8(seed.form), []byte(seed.body))
		}
	}
	w := newWorld(3).grow(f, 60)
	for _, u := range append(w.units[:20:20], encode(w.replicas[0].State)) {
		f.Add(uint8(u.form), u.body)
	}
	base := w.replicas[1].State
	f.Fuzz(func(t *testing.T, form uint8, body []byte) {
		p, err := Parse(Form(form), body)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		for _, s := range []*kernel.State{base.Clone(), {}} {
			p.Apply(s)
			require.NoError(t, s.Verify())
			digest := s.Digest()
			p.Apply(s)
			require.Equal(t, digest, s.Digest(), "a merge repeats harmlessly")
			var again kernel.State
			out := encode(s)
			out.parse(t).Apply(&again)
			require.Equal(t, out, encode(&again))
			requireSame(t, s, &again)
		}
		require.Equal(t, p.Adds(), count(p), fmt.Sprintf("form %d", form))
	})
}

func count(p *Fragment) (n int) {
	for range p.All() {
		n++
	}
	return n
}
