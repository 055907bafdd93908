package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker/embedded"
	"github.com/joinery-crdt/joinery/broker/linktest"
)

// records returns JSON Lines: those of the file that JOINERY_RECORDS names, for
// the real thing, or some that look like a package index.
func records(t *testing.T) (lines string, n int) {
	if name := os.Getenv("JOINERY_RECORDS"); name != "" {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(b), strings.Count(string(b), "\n")
	}
	var b strings.Builder
	n = 2000
	for i := range n {
		fmt.Fprintf(&b, `{"doc":"pkg.p%d.1.%d","fields":{"Depends":{"$set":["libc6 (>= 2.%d)","p%d"]},"Description":"%s","Size":%d,"hash":{"SHA256":"%064x"}}}`+"\n",
			i, i%10, i%40, i/2, strings.Repeat("word ", i%30), i*1000, i)
	}
	return b.String(), n
}

// export reads a replica; the documents alone, without the progress.
func (d *daemon) export() string { return d.do("export", "--quiet") }

// TestTwoReplicasExportTheSameBytes imports into one replica and exports from
// two: one that joined the first one's NATS server, and one behind a leaf node
// whose link is then cut, written to on both sides, and restored.
func TestTwoReplicasExportTheSameBytes(t *testing.T) {
	hub := serve(t, "--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0")
	link, err := linktest.New(strings.TrimPrefix(hub.LeafURL, "nats-leaf://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, link.Close()) })
	near := serve(t, "--nats", hub.URL)
	far := serve(t, "--listen", "127.0.0.1:0", "--leaf", embedded.LeafURL(link.Addr()))

	lines, n := records(t)
	start := time.Now()
	r := hub.call(lines, "import")
	require.Equal(t, exitDone, r.code, r.errs)
	took := time.Since(start)
	t.Logf("imported %d records in %v, %.0f/s", n, took, float64(n)/took.Seconds())
	t.Logf("all replicas equal after another %v", agree(t, hub, near, far))
	start = time.Now()
	first := hub.export()
	took = time.Since(start)
	t.Logf("exported in %v, %.0f/s", took, float64(n)/took.Seconds())
	require.Equal(t, n, countDocs(first))
	require.True(t, first == near.export(), "exports differ")
	require.True(t, first == far.export(), "exports differ")

	link.Cut()
	hub.do("put", "pkg.p1.1.1", "Description", "written at the hub")
	hub.do("inc", "votes", "yes", "3")
	far.do("put", "pkg.p1.1.1", "Description", "written behind the leaf")
	far.do("put", "pkg.new.1", "Description", "made behind the leaf")
	far.do("inc", "votes", "yes", "4")
	require.NotEqual(t, hub.digest(), far.digest())
	link.Restore()
	t.Logf("equal %v after the link's return", agree(t, hub, near, far))

	after := hub.export()
	require.True(t, after == near.export(), "exports differ")
	require.True(t, after == far.export(), "exports differ")
	require.Equal(t, "7\n", near.do("get", "votes", "yes"))
	settle(t, hub, far)
}

// settle resolves the conflict that both sides see, by a pick on one of them.
func settle(t *testing.T, hub, far *daemon) {
	listed := far.do("conflicts")
	require.Contains(t, listed, "pkg.p1.1.1  Description")
	require.Contains(t, listed, `1. "written behind the leaf"  by `+far.Replica)
	require.Contains(t, listed, `2. "written at the hub"  by `+hub.Replica)
	require.Contains(t, far.do("get", "pkg.p1.1.1", "Description", "--siblings"), listed[strings.Index(listed, "\n")+1:])
	require.Equal(t, "Description = \"written at the hub\"\n", far.do("resolve", "pkg.p1.1.1", "Description", "--pick", "2"))
	agree(t, hub, far)
	require.Empty(t, hub.do("conflicts"))
	require.Equal(t, "written at the hub\n", hub.do("get", "pkg.p1.1.1", "Description"))
}

func countDocs(lines string) int {
	names := make(map[string]bool)
	in := bufio.NewScanner(strings.NewReader(lines))
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		name, _, _ := strings.Cut(in.Text(), `,"fields"`)
		names[name] = true
	}
	return len(names)
}

func TestExportIntoAnotherSpaceExportsTheSame(t *testing.T) {
	one := serve(t, "--listen", "127.0.0.1:0", "--space", "one")
	two := serve(t, "--nats", one.URL, "--space", "t.w o")
	lines, _ := records(t)
	require.Equal(t, exitDone, one.call(lines, "import").code)
	r := two.call(one.export(), "import")
	require.Equal(t, exitDone, r.code, r.errs)
	require.True(t, one.export() == two.export(), "exports differ")
}

func TestLeafTakesWritesWhileItsHubIsAwayAndDeliversThem(t *testing.T) {
	hub := serve(t, "--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0")
	link, err := linktest.New(strings.TrimPrefix(hub.LeafURL, "nats-leaf://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, link.Close()) })
	leaf := serve(t, "--listen", "127.0.0.1:0", "--leaf", embedded.LeafURL(link.Addr()))
	leaf.do("put", "device.1", "state", "on")
	agree(t, hub, leaf)
	for _, outage := range []struct {
		name  string
		begin func()
	}{{"broken", link.Cut}, {"silent", link.Blackhole}} {
		outage.begin()
		for i := range 20 {
			leaf.do("put", fmt.Sprintf("device.%s.%d", outage.name, i), "temp", fmt.Sprint(20+i))
		}
		link.Restore()
		t.Logf("%s link: the hub had all %v after its return", outage.name, agree(t, hub, leaf))
		require.Equal(t, "39\n", hub.do("get", "device."+outage.name+".19", "temp"))
	}
}

func TestServeBridgesTwoServersAndTwoSpaces(t *testing.T) {
	factory := serve(t, "--listen", "127.0.0.1:0", "--space", "plant")
	office := serve(t, "--listen", "127.0.0.1:0", "--space", "plants")
	relay := serve(t, "--nats", factory.URL, "--space", "plant", "--relay", office.URL+"#plants")
	factory.do("inc", "press.7", "strokes", "41")
	office.do("inc", "press.7", "strokes", "1")
	agree(t, factory, office, relay)
	require.Equal(t, "42\n", relay.do("get", "press.7", "strokes"))
}
