package remote_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote"
)

type point struct{ X, Y int }

func TestHandlesWriteAndReadWhatReplicasDo(t *testing.T) {
	s := newSite(t, 1)
	ctx, doc, local := t.Context(), s.client().Doc("d"), s.doc(0)
	name := doc.Map("a/b").Map("~").Register("name")
	require.NoError(t, name.Set(ctx, point{1, 2}))
	p, ok, err := remote.Get[point](ctx, name)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, point{1, 2}, p)
	q, _, err := joinery.Get[point](local.Map("a/b").Map("~").Register("name"))
	require.NoError(t, err)
	require.Equal(t, p, q)
	_, _, err = remote.Get[string](ctx, name)
	require.ErrorIs(t, err, joinery.ErrType)
	require.NoError(t, name.Remove(ctx))
	_, ok, err = remote.Get[point](ctx, name)
	require.NoError(t, err)
	require.False(t, ok)

	require.NoError(t, doc.Counter("n").Inc(ctx, -3))
	n, err := doc.Counter("n").Value(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(-3), n)
	require.NoError(t, doc.Counter("n").Remove(ctx))
	require.Zero(t, s.count(0))

	require.NoError(t, doc.Flag("f").Enable(ctx))
	require.NoError(t, doc.DisableWinsFlag("f").Enable(ctx))
	require.NoError(t, doc.DisableWinsFlag("f").Disable(ctx))
	on, err := doc.Flag("f").Enabled(ctx)
	require.NoError(t, err)
	require.True(t, on)
	on, err = doc.DisableWinsFlag("f").Enabled(ctx)
	require.NoError(t, err)
	require.False(t, on)
}

func TestSetsAndMapsThroughTheService(t *testing.T) {
	s := newSite(t, 1)
	ctx, doc := t.Context(), s.client().Doc("d")
	tags := doc.Map("m").Set("tags")
	require.NoError(t, tags.Add(ctx, "b", "a", float32(1.5)))
	require.NoError(t, doc.Map("m").Map("tags").Set("inner").Add(ctx, "other"))
	all, err := remote.Members[any](ctx, tags)
	require.NoError(t, err)
	require.Equal(t, []any{"a", "b", 1.5}, all)
	in, err := tags.Contains(ctx, float32(1.5))
	require.NoError(t, err)
	require.True(t, in)
	require.NoError(t, tags.Remove(ctx, "a"))
	size, err := tags.Len(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, size)
	require.NoError(t, tags.Clear(ctx))
	in, err = tags.Contains(ctx, "b")
	require.NoError(t, err)
	require.False(t, in)
	blocked := doc.RemoveWinsSet("blocked")
	require.NoError(t, blocked.Add(ctx, "x"))
	require.NoError(t, blocked.Remove(ctx, "x", "y"))
	in, err = blocked.Contains(ctx, "x")
	require.NoError(t, err)
	require.False(t, in)

	prefs := doc.LWWMap("prefs")
	require.NoError(t, prefs.Put(ctx, "lang", "no"))
	require.NoError(t, prefs.Put(ctx, "zone", "UTC"))
	require.NoError(t, prefs.Delete(ctx, "zone"))
	keys, err := prefs.Keys(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"lang"}, keys)
	lang, ok, err := remote.Get[string](ctx, prefs.Entry("lang"))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "no", lang)
	require.NoError(t, doc.Map("m").Remove(ctx))
	require.False(t, s.doc(0).Map("m").Map("tags").Set("inner").Contains("other"))
}

func TestAnUpdateIsOneGroup(t *testing.T) {
	s := newSite(t, 1)
	ctx, doc := t.Context(), s.client().Doc("d")
	require.NoError(t, doc.Update(ctx, func(tx *remote.Tx) error {
		require.NoError(t, tx.Register("a").Set(ctx, 1))
		require.NoError(t, tx.Map("m").Counter("n").Inc(ctx, 2))
		_, err := tx.Counter("n").Value(ctx)
		require.ErrorIs(t, err, remote.ErrInUpdate)
		return nil
	}))
	var fields []string
	for f, err := range doc.Fields(ctx) {
		require.NoError(t, err)
		fields = append(fields, f.Kind.String()+" "+strings.Join(f.Path, "/"))
	}
	require.Equal(t, []string{"register a", "counter m/n"}, fields)
	mistake := errors.New("mistake")
	require.ErrorIs(t, doc.Update(ctx, func(tx *remote.Tx) error {
		require.NoError(t, tx.Delete(ctx))
		return mistake
	}), mistake)
	there, err := doc.Exists(ctx)
	require.NoError(t, err)
	require.True(t, there)
	require.ErrorIs(t, doc.Update(ctx, func(tx *remote.Tx) error {
		require.NoError(t, tx.Delete(ctx))
		return tx.Register("big").Set(ctx, strings.Repeat("x", 200_000))
	}), joinery.ErrTooLarge, "and nothing of it is written")
	require.NoError(t, doc.Delete(ctx))
	there, err = doc.Exists(ctx)
	require.NoError(t, err)
	require.False(t, there)
}

func TestErrorsAreThoseOfTheRootPackage(t *testing.T) {
	s := newSite(t, 1)
	ctx, c := t.Context(), s.client()
	require.ErrorIs(t, c.Doc("bad..name").Register("x").Set(ctx, 1), joinery.ErrName)
	require.ErrorIs(t, c.Doc("d").Register(strings.Repeat("x", 5000)).Set(ctx, 1), joinery.ErrTooLarge)
	require.ErrorIs(t, c.Doc("d").Register("x").Set(ctx, func() {}), joinery.ErrValue)
	require.ErrorIs(t, c.Doc("d").Register("").Set(ctx, 1), joinery.ErrName)
	_, err := c.Page(ctx, "a..b", "", 10)
	require.ErrorIs(t, err, joinery.ErrName)
	_, err = c.Resume("nonsense")
	require.ErrorIs(t, err, joinery.ErrValue)
	_, err = remote.New(s.front, remote.Config{Space: ""})
	require.ErrorIs(t, err, joinery.ErrName)
	closed := start(t)
	closed.Close()
	gone, err := remote.New(closed, remote.Config{Space: "shop"})
	require.NoError(t, err)
	require.ErrorIs(t, gone.Doc("d").Register("x").Set(ctx, 1), joinery.ErrConnClosed)
}

func TestAWriteOverWhatWasReadLeavesTheRest(t *testing.T) {
	s := newSite(t, 2)
	ctx, here, there := t.Context(), s.client(0).Doc("d").Register("r"), s.client(1).Doc("d").Register("r")
	require.NoError(t, here.Set(ctx, "first"))
	s.space.Converge()
	read, err := remote.ReadContext(ctx, here)
	require.NoError(t, err)
	require.NoError(t, here.Set(ctx, "second"))
	s.space.Converge()
	parsed, err := joinery.ParseContext(read.String()) // as from a form of a web page
	require.NoError(t, err)
	require.NoError(t, there.Set(ctx, "by a reader of the first", remote.Over(parsed)))
	siblings, err := remote.Siblings[string](ctx, there)
	require.NoError(t, err)
	values := []string{siblings[0].Value, siblings[1].Value}
	require.ElementsMatch(t, []string{"second", "by a reader of the first"}, values)
	for c, err := range s.client(1).Conflicts(ctx, ">") {
		require.NoError(t, err)
		require.Equal(t, []string{"r"}, c.Path)
		require.Len(t, c.Siblings, 2)
	}
	all, err := remote.ReadContext(ctx, there)
	require.NoError(t, err)
	require.NoError(t, there.Set(ctx, "settled", remote.Over(all)))
	siblings, err = remote.Siblings[string](ctx, there)
	require.NoError(t, err)
	require.Len(t, siblings, 1)
}

func TestReadsShowWhatTheSessionWroteElsewhere(t *testing.T) {
	s := newSite(t, 2)
	ctx, c := t.Context(), s.client()
	require.NoError(t, c.Doc("d").Register("r").Set(ctx, "mine"))
	s.space.Converge()
	first := s.index(c)
	s.space.Cut(first)
	session := c.Session()
	require.NoError(t, session.Doc("d").Counter("n").Inc(ctx, 1))
	token := session.Token()
	s.stops[first]()
	require.ErrorIs(t, s.insist(func(ctx context.Context) error {
		_, err := session.Doc("d").Counter("n").Value(ctx)
		return err
	}), joinery.ErrBehind)
	require.ErrorIs(t, s.insist(func(ctx context.Context) error {
		return session.Doc("d").Register("r").Set(ctx, "after that")
	}), joinery.ErrBehind)
	n, err := c.Session().Doc("d").Counter("n").Value(ctx)
	require.NoError(t, err)
	require.Zero(t, n, "somebody else need not wait")
	s.space.Heal()
	elsewhere, err := s.client().Resume(token)
	require.NoError(t, err)
	n, err = elsewhere.Doc("d").Counter("n").Value(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	require.True(t, slices.Contains([]string{token, elsewhere.Token()}, token))
}

func TestDocumentsAreListedPageByPage(t *testing.T) {
	s := newSite(t, 1)
	ctx, c := t.Context(), s.client()
	var want []string
	for _, name := range []string{"a.1", "a.2", "a.3", "b.1"} {
		require.NoError(t, s.space.Replica(0).Doc(name).Register("x").Set(ctx, 1))
	}
	want = []string{"a.1", "a.2", "a.3"}
	page, err := c.Page(ctx, "a.*", "", 2)
	require.NoError(t, err)
	require.Equal(t, want[:2], page)
	page, err = c.Page(ctx, "a.*", page[1], 2)
	require.NoError(t, err)
	require.Equal(t, want[2:], page)
	var all []string
	for name, err := range c.Docs(ctx, "a.*") {
		require.NoError(t, err)
		all = append(all, name)
	}
	require.Equal(t, want, all)
	_, err = c.Page(ctx, ">", "", 0)
	require.ErrorIs(t, err, joinery.ErrConfig)
}

func TestFieldsAreListedPageByPage(t *testing.T) {
	s := newSite(t, 1)
	ctx, d := t.Context(), s.client().Doc("d")
	for i := range 5 {
		require.NoError(t, d.Map("m").Register(fmt.Sprint("a", i)).Set(ctx, i))
	}
	require.NoError(t, d.Map("m").Register("b").Set(ctx, "not asked for"))
	require.NoError(t, d.Register("a9").Set(ctx, "not asked for"))
	q := joinery.FieldRange{Path: []string{"m"}, Prefix: "a", Limit: 2}
	var all []string
	for {
		p, err := d.FieldPage(ctx, q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.Fields), 2)
		for _, f := range p.Fields {
			all = append(all, fmt.Sprint(f.Path, f.Value))
		}
		if q.After = p.Next; q.After == "" {
			break
		}
		require.NoError(t, d.Map("m").Register(fmt.Sprint("a", len(all)-1)).Remove(ctx), "a cursor outlives its field")
	}
	require.Equal(t, []string{"[m a0] 0", "[m a1] 1", "[m a2] 2", "[m a3] 3", "[m a4] 4"}, all)
	_, err := d.FieldPage(ctx, joinery.FieldRange{Limit: 1, After: "?"})
	require.ErrorContains(t, err, "After is not the Next of a page")
	_, err = d.FieldPage(ctx, joinery.FieldRange{})
	require.ErrorIs(t, err, joinery.ErrConfig)
}

func TestAWatchSaysWhoWroteWhatWasThereAndGoesOnElsewhere(t *testing.T) {
	s := newSite(t, 2)
	ctx, c := t.Context(), s.client()
	require.NoError(t, s.doc(1).Register("r").Set(ctx, "one"))
	s.space.Converge()
	step := 0
	for ev, err := range c.Watch(s.within(20*time.Second), "d", remote.OldValues()) {
		require.NoError(t, err)
		switch step++; step {
		case 1:
			require.True(t, ev.Snapshot)
			require.Equal(t, "one", ev.Value)
			require.Equal(t, s.space.Replica(1).ID(), ev.Origin)
			require.NoError(t, s.doc(0).Register("r").Set(ctx, "two"))
		case 2:
			require.Equal(t, "two", ev.Value)
			require.Equal(t, "one", ev.Old.Value)
			require.Equal(t, s.space.Replica(0).ID(), ev.Origin)
			s.space.Converge()
			s.stops[s.index(c)]()
		case 3:
			require.True(t, ev.Gap)
		case 4:
			require.True(t, ev.Snapshot)
			require.Equal(t, "two", ev.Value)
			require.NoError(t, s.doc(0).Register("r").Remove(ctx))
		case 5:
			require.False(t, ev.Exists)
			return
		}
	}
	require.Fail(t, "the watch ended")
}

func TestALargeDocumentComesInPieces(t *testing.T) {
	s := newSite(t, 1)
	text := strings.Repeat("x", 100_000)
	require.NoError(t, s.doc(0).Update(t.Context(), func(tx *joinery.Tx) error {
		return errors.Join(tx.Register("a").Set(t.Context(), text), tx.Register("b").Set(t.Context(), text),
			tx.Register("c").Set(t.Context(), math.Pi))
	}))
	n := 0
	for f, err := range s.client().Doc("d").Fields(t.Context()) {
		require.NoError(t, err)
		if n++; f.Path[0] == "c" {
			require.Equal(t, math.Pi, f.Value)
		}
	}
	require.Equal(t, 3, n)
}

func TestWhatIsWrittenForATimeExpires(t *testing.T) {
	s := newSite(t, 1)
	ctx, doc := t.Context(), s.client().Doc("d")
	require.NoError(t, doc.Register("r").Set(ctx, 1, remote.TTL(time.Hour)))
	require.NoError(t, doc.Set("s").AddFor(ctx, time.Hour, "a"))
	require.NoError(t, doc.Flag("f").Enable(ctx, remote.TTL(time.Hour)))
	require.NoError(t, doc.Register("lasting").Set(ctx, 1))
	require.NoError(t, s.client().Doc("other").Expire(ctx, time.Hour))
	s.space.Advance(2 * time.Hour)
	var left []string
	for f, err := range doc.Fields(ctx) {
		require.NoError(t, err)
		left = append(left, f.Path[0])
	}
	require.Equal(t, []string{"lasting"}, left)
}
