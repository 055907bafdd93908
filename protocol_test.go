package joinery_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

const protocol = "docs/protocol.md"

// column returns a column of a table, without code marks.
func column(rows [][]string, i int) (out []string) {
	for _, row := range rows {
		out = append(out, strings.ReplaceAll(row[i], "`", ""))
	}
	return out
}

func TestTheProtocolsSubjectsAreTheCodes(t *testing.T) {
	rows := tableUnder(t, page(t, protocol), "## Subjects")
	from, to := causal.ID{1}, causal.ID{2}
	s := message.NewSubjects("SPACE", from)
	want := []string{
		s.Delta("DOCUMENT"), s.Relay("DOCUMENT"), s.Beacon(), s.ScopeBeacon("PATTERN"), s.Any(),
		s.To(to, message.KindPull), s.To(to, message.KindOwn), s.To(to, message.KindPush), s.Probe(from),
	}
	for i := range want {
		want[i] = strings.NewReplacer(from.String(), "FROM", to.String(), "TO").Replace(want[i])
	}
	want[len(want)-1] = strings.Replace(want[len(want)-1], "FROM", "ID", 1)
	require.Equal(t, want, column(rows, 0))
	require.Equal(t, []string{"", "", "", "", message.Queue, "", "", "", ""}, column(rows, 2))
}

func TestTheProtocolsExamplesOfSubjectsAreRight(t *testing.T) {
	examples := regexp.MustCompile("\\| space `(.*)`, document `(.*)` \\| `(.*)` \\|").FindAllStringSubmatch(page(t, protocol), -1)
	require.Len(t, examples, 3)
	for _, e := range examples {
		s := message.NewSubjects(e[1], causal.ID{1})
		require.Equal(t, e[3], strings.Replace(s.Delta(e[2]), causal.ID{1}.String(), "FROM", 1))
		b := message.Append(nil, message.Header{From: causal.Actor{ID: causal.ID{1}}}, &message.Delta{})
		name, _, err := s.Check(s.Delta(e[2]), b)
		require.NoError(t, err)
		require.Equal(t, e[2], name)
	}
}

func TestTheProtocolsKindsAndAnswersAreTheCodes(t *testing.T) {
	var kinds []string
	for k := message.Kind(1); !strings.HasPrefix(k.String(), "kind("); k++ {
		kinds = append(kinds, fmt.Sprint(uint8(k), " ", k))
	}
	var listed []string
	rows := tableUnder(t, page(t, protocol), "## Kinds")
	for i, number := range column(rows, 0) {
		listed = append(listed, number+" "+rows[i][1])
	}
	require.Equal(t, kinds, listed)
	require.Equal(t, column(rows, 1), column(tableUnder(t, page(t, protocol), "### Bodies"), 0))

	_, behind, _ := strings.Cut(page(t, protocol), "| answer | name | means |\n")
	require.Regexp(t, fmt.Sprintf(`(?s)^\|---\|---\|---\|\n\| %d \| same .*\n\| %d \| no .*\n\| %d \| units .*\n\| %d \| frame .*\n\| %d \| transfer .*\n\| %d \| sketch .*\n\| %d \| news `,
		message.Same, message.No, message.Units, message.Frame, message.Transfer, message.Sketch, message.News), behind)
}

// samples are the messages whose bytes the page shows.
func samples(t *testing.T) (message.Header, map[string]message.Body) {
	id, err := causal.ParseID("a1000000-0000-0000-0000-000000000001")
	require.NoError(t, err)
	from := causal.Actor{ID: id, Incarnation: 0x0123456789abcdef}
	clock := &hlc.Clock{Source: func() time.Time { return time.UnixMilli(1 << 24) }}
	d := crdt.NewDocument(from, clock)
	require.NoError(t, d.Assign(0, crdt.TagRegister, "name", "\xa5Alice", false, crdt.Options{}))
	unit := d.Flush(nil)
	var seen, only causal.Context
	seen.AddRange(from, causal.Range{Lo: 1, Hi: 6})
	only.AddRange(from, causal.Range{Lo: 7, Hi: 7})
	states := []message.State{{Doc: "user:123", Digest: 0xd1, Head: 8, Count: 9}}
	return message.Header{From: from, Nonce: 5}, map[string]message.Body{
		"delta":  &message.Delta{Doc: "user:123", Unit: unit},
		"beacon": &message.Beacon{Scope: ">", Digest: 0x5eed, Docs: 2, Hello: true, Firm: true, View: 0x3e, Hints: states},
		"survey": &message.Survey{
			Stretch: message.Stretch{Scope: ">", To: "user:2"}, Salt: 0x77, Docs: 40,
			Bounds: []string{"user:12", "user:15"}, Prints: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		},
		"listing": &message.Listing{
			Stretch: message.Stretch{Scope: ">", To: "user:2"}, For: 6, Salt: 0x77, Finding: message.Differ, Differing: []byte{}, Cells: []byte{},
			Prints: []uint64{0xfe}, States: states,
		},
		"pull":    &message.Pull{View: 0x3e, Wants: []message.Want{{Doc: "user:123", Digest: 0xd0, Have: seen, Only: only}}},
		"push":    &message.Push{To: 6, Gifts: []message.Gift{{Doc: "user:123", Answer: message.Units, Digest: 0xd1, Deltas: []delta.Delta{unit}}}},
		"fetch":   &message.Fetch{ID: 0x7f01, Offset: 4096},
		"chunk":   &message.Chunk{ID: 0x7f01, Offset: 4096, Data: []byte("data")},
		"table":   &message.Table{To: 6, Doc: "user:123", ID: 0x7f02, View: 0x3e, Table: []byte("table"), News: unit},
		"relay":   &message.Delta{Doc: "user:123", Unit: unit, Relayed: true},
		"own":     &message.Push{To: 6, Own: true, Gifts: []message.Gift{}},
		"decline": &message.Decline{To: 6, Doc: "user:123", ID: 0x7f02},
		"muster":  &message.Muster{Seen: only, Reports: []message.Report{{Actor: from, Count: 9, Print: 0x9a}}},
		"cover":   &message.Cover{Seen: only, Cuts: []message.Cut{{ID: 0x7f03, Doc: "user:123", Context: only}}},
		"covered": &message.Covered{To: 6, Seen: only, Cuts: []message.Held{{ID: 0x7f03, More: only}}},
		"ask":     &message.Ask{ID: 0x7f03, Version: 0xee, Doc: "user:123", Have: seen},
		"reply":   &message.Reply{To: 6, ID: 0x7f03, Version: 0xee, Verdict: message.Holding},
	}
}

func TestTheProtocolsBytesAreTheCodes(t *testing.T) {
	h, bodies := samples(t)
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(page(t, protocol), -1) {
		kind := block[1]
		require.Contains(t, bodies, kind)
		text := regexp.MustCompile(`(?m)\|.*$`).ReplaceAllString(block[2], "")
		shown := strings.Join(strings.Fields(text), "")
		require.Equal(t, hex.EncodeToString(message.Append(nil, h, bodies[kind])), shown, kind)
		b, err := hex.DecodeString(shown)
		require.NoError(t, err)
		_, got, err := message.Parse(b)
		require.NoError(t, err, kind)
		require.Equal(t, bodies[kind], got, kind)
		delete(bodies, kind)
	}
	require.Empty(t, bodies, "not shown")
}

// permissions returns the subjects that the page says a replica needs.
func permissions(t *testing.T, what, space string, id joinery.ID) (out []string) {
	for _, row := range tableUnder(t, page(t, protocol), "### Permissions") {
		if row[0] == what {
			for _, s := range strings.Split(row[1], ", ") {
				s = strings.ReplaceAll(strings.Trim(s, "`"), "SPACE", space)
				out = append(out, strings.ReplaceAll(s, "ID", id.String()))
			}
		}
	}
	require.NotEmpty(t, out)
	return out
}

func TestReplicasNeedNoMorePermissionsThanTheProtocolSays(t *testing.T) {
	var users []embedded.User
	ids := []joinery.ID{joinery.NewID(), joinery.NewID()}
	for _, id := range ids {
		users = append(users, embedded.User{
			Name: id.String(), Publish: permissions(t, "publish", "shop", id), Subscribe: permissions(t, "subscribe", "shop", id),
		})
	}
	srv, err := embedded.Start(t.Context(), embedded.Config{Users: users})
	require.NoError(t, err)
	defer srv.Shutdown(context.Background())
	var replicas []*joinery.Replica
	for _, id := range ids {
		nc, err := srv.Connect(nats.UserInfo(id.String(), ""))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		r, err := joinery.Open(t.Context(), joinery.Config{Space: "shop", ID: id, Conn: nc, BeaconEvery: 20 * time.Millisecond})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		require.NoError(t, r.Doc("user:"+id.String()).Register("name").Set(t.Context(), "x"))
		require.NoError(t, r.Drain(t.Context()))
		replicas = append(replicas, r)
	}
	require.Eventually(t, func() bool {
		a, b := replicas[0].Status(), replicas[1].Status()
		return a.Digest == b.Digest && a.Docs == 2
	}, 10*time.Second, time.Millisecond)
	require.NotZero(t, replicas[0].Status().Stats.Pulls+replicas[1].Status().Stats.Pulls, "the second had to catch up")
	for _, r := range replicas {
		require.NoError(t, r.Drain(t.Context()))
		require.Empty(t, r.Status().Denied)
	}
}
