package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/roles"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/message"
)

// guest is somebody who may join a guarded server.
type guest struct {
	roles.Who
	seed string // file
	key  string // public
}

// guarded is a hub whose guests have exactly the permissions of their roles.
type guarded struct {
	*daemon
	guests map[string]*guest
}

// newGuarded runs a hub for guests of these roles in the space shop.
func newGuarded(t *testing.T, all ...roles.Who) *guarded {
	g := &guarded{guests: map[string]*guest{}}
	dir := t.TempDir()
	var users strings.Builder
	for i, who := range all {
		key, err := nkeys.CreateUser()
		require.NoError(t, err)
		seed, err := key.Seed()
		require.NoError(t, err)
		public, err := key.PublicKey()
		require.NoError(t, err)
		v := &guest{who, filepath.Join(dir, fmt.Sprint(i, ".nk")), public}
		require.NoError(t, os.WriteFile(v.seed, seed, 0o600))
		g.guests[who.Role] = v
		args := []string{"permissions", who.Role, "--id", who.ID, "--space", who.Space, "--nkey", public}
		for _, p := range who.Patterns {
			args = append(args, "--pattern", p)
		}
		printed := command(t, "", args...)
		require.Equal(t, exitDone, printed.code, printed.errs)
		users.WriteString(printed.out)
	}
	auth := filepath.Join(dir, "auth.conf")
	require.NoError(t, os.WriteFile(auth, []byte("authorization {\n users = [\n"+users.String()+"]\n}\n"), 0o600))
	g.daemon = serve(t, "--listen", "127.0.0.1:0", "--auth", auth, "--space", "shop")
	return g
}

// refusals collects what the server refuses to a connection.
type refusals struct {
	mu   sync.Mutex
	text []string
}

func (r *refusals) has(subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.text {
		if strings.Contains(t, `"`+subject+`"`) {
			return true
		}
	}
	return false
}

// dial connects as a guest.
func (g *guarded) dial(role string) (*nats.Conn, *refusals) {
	key, err := nats.NkeyOptionFromSeed(g.guests[role].seed)
	require.NoError(g, err)
	r := &refusals{}
	nc, err := nats.Connect(g.URL, key, nats.CustomInboxPrefix(inboxOf(g.guests[role].ID)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.text = append(r.text, err.Error())
			}
		}))
	require.NoError(g, err)
	g.Cleanup(nc.Close)
	return nc, r
}

// replica opens a replica as a guest.
func (g *guarded) replica(role string) *joinery.Replica {
	nc, _ := g.dial(role)
	id, err := joinery.ParseID(g.guests[role].ID)
	require.NoError(g, err)
	r, err := joinery.Open(g.Context(), joinery.Config{
		Space: "shop", ID: id, Conn: nc, OwnOnly: role != roles.Server, Interest: g.guests[role].Patterns, BeaconEvery: 50 * time.Millisecond,
	})
	require.NoError(g, err)
	g.Cleanup(func() { require.NoError(g, r.Close()) })
	return r
}

// inboxOf returns the prefix of a guest's reply subjects, as it is printed.
func inboxOf(id string) string { return "_INBOX_joinery.shop." + id }

// as runs a command as a guest.
func (g *guarded) as(role string, args ...string) result {
	w := g.guests[role]
	return command(g.T, "", append(args, "--nats", g.URL, "--space", "shop", "--nkey", w.seed, "--inbox-prefix", inboxOf(w.ID))...)
}

// refuses asserts that a guest may publish on none of these subjects, nor
// subscribe to the others.
func (g *guarded) refuses(role string, publish, subscribe []string) {
	g.Helper()
	nc, refused := g.dial(role)
	for _, s := range publish {
		require.NoError(g, nc.Publish(s, []byte("x")))
	}
	for _, s := range subscribe {
		_, err := nc.SubscribeSync(s)
		require.NoError(g, err)
	}
	require.NoError(g, nc.FlushTimeout(20*time.Second))
	for _, s := range append(publish, subscribe...) {
		require.Eventually(g, func() bool { return refused.has(s) }, 20*time.Second, time.Millisecond, "%s may use %s", role, s)
	}
}

const (
	serverID   = "5e000000-0000-4000-8000-000000000001"
	deviceID   = "de000000-0000-4000-8000-000000000002"
	observerID = "0b000000-0000-4000-8000-000000000003"
)

func everybody(t *testing.T) *guarded {
	return newGuarded(t,
		roles.Who{Role: roles.Server, Space: "shop", ID: serverID},
		roles.Who{Role: roles.Device, Space: "shop", ID: deviceID, Patterns: []string{"fleet.42.>"}},
		roles.Who{Role: roles.Observer, Space: "shop", ID: observerID},
		roles.Who{Role: roles.Client, Space: "shop", ID: "van"},
		roles.Who{Role: roles.Reader, Space: "shop", ID: "wall"},
	)
}

func TestEachRoleCanDoItsWork(t *testing.T) {
	g := everybody(t)
	server, device, observer := g.replica(roles.Server), g.replica(roles.Device), g.replica(roles.Observer)
	require.NoError(t, device.Doc("fleet.42.engine").Register("rpm").Set(t.Context(), 900))
	require.NoError(t, server.Doc("fleet.42.orders").Register("go").Set(t.Context(), true))
	require.Equal(t, exitDone, g.as(roles.Client, "put", "fleet.42.name", "n", "van").code)
	for _, r := range []*joinery.Replica{server, device, observer} {
		for _, doc := range []string{"fleet.42.engine", "fleet.42.orders", "fleet.42.name"} {
			require.Eventually(t, r.Doc(doc).Exists, 20*time.Second, time.Millisecond, "%v lacks %s", r.ID(), doc)
		}
	}
	require.Contains(t, g.as(roles.Reader, "get", "fleet.42.engine").out, "rpm = 900")
	require.Contains(t, g.as(roles.Reader, "status", "--all").out, g.Replica)
	require.Empty(t, server.Status().Denied)
	require.Empty(t, observer.Status().Denied)
	require.Zero(t, server.Status().Stats.Forged)
}

func TestNoRoleCanDoMore(t *testing.T) {
	g := everybody(t)
	const doc, mine = "fleet.42.engine", "fleet.42."
	other := "ee000000-0000-4000-8000-000000000009"
	shop := func(rest string) string { return "joinery.shop." + rest }
	foreign := []string{"joinery.other.d." + deviceID + "." + doc, "joinery.other.b." + deviceID, "joinery.other.r." + other + ".ask." + deviceID}
	listens := []string{"_INBOX.>", "_INBOX_joinery.>", "_INBOX_joinery.shop.other.>", "joinery.other.>", "joinery.>", ">", "joinery-api.>", "$SYS.>"}
	asOthers := []string{shop("d." + other + "." + doc), shop("f." + other + "." + doc), shop("b." + other), shop("q." + other), shop("r." + serverID + ".ask." + other)}
	api := func(op string) string { return protocol.Subject("shop", protocol.Anyone, op) }

	speaks := []string{shop("f." + deviceID + "." + doc), shop("r." + serverID + ".all." + deviceID), "_INBOX_joinery.other.x", api("write"), api("open"), api("backup")}
	g.refuses(roles.Device, append(append(append(speaks, asOthers...), foreign...),
		shop("d."+deviceID+".fleet.43.engine"), shop("d."+deviceID+".fleet.42"), shop("p."+other)),
		append(listens, shop("d.*.fleet.43.>"), shop("d.*.>"), shop("f.*.>"), shop("r.*.>"), shop("r."+serverID+".>"), shop("q.*"), shop("p."+serverID)))

	g.refuses(roles.Observer, []string{
		shop("d." + observerID + "." + doc), shop("f." + observerID + "." + doc), shop("r." + serverID + ".own." + observerID),
		shop("r." + serverID + ".all." + observerID), shop("b." + other), "joinery.other.b." + observerID, api("write"), "_INBOX_joinery.other.x",
	}, append(listens, shop("r."+serverID+".>"), shop("q.*")))

	g.refuses(roles.Server, append(asOthers[:5:5], foreign[0], "joinery.other.d."+serverID+"."+doc, shop("r."+deviceID+".all."+other), "_INBOX_joinery.other.x", api("write")),
		append(listens, shop("q.*"), shop("r."+deviceID+".*.*"), protocol.Subject("shop", protocol.Anyone, "*"), protocol.Subject("shop", deviceID, "*")))

	for role, closed := range map[string][]string{
		roles.Client: {"backup", "compact"},
		roles.Reader: {"write", "import", "delete", "resolve", "backup", "compact"},
	} {
		var publish []string
		for _, op := range closed {
			publish = append(publish, api(op))
		}
		publish = append(publish, shop("d."+deviceID+"."+mine+"x"), shop("b."+deviceID), protocol.Subject("other", protocol.Anyone, "open"), "_INBOX_joinery.other.x")
		g.refuses(role, publish, append(listens[:7:7], shop("b.*"), shop("d.*.>")))
	}
}

// TestADeviceCannotSpeakForOthersWhateverItSays is about what subjects allow and
// the receiver refuses: a delta on the own subject, of somebody else's events.
func TestADeviceCannotSpeakForOthersWhateverItSays(t *testing.T) {
	g := everybody(t)
	server := g.replica(roles.Server)
	require.NoError(t, server.Doc("fleet.42.engine").Register("rpm").Set(t.Context(), 900))
	overheard := make(chan *nats.Msg, 64)
	nc, _ := g.dial(roles.Device)
	_, err := nc.ChanSubscribe("joinery.shop.d.*.fleet.42.>", overheard)
	require.NoError(t, err)
	require.NoError(t, nc.FlushTimeout(20*time.Second))
	require.NoError(t, server.Doc("fleet.42.engine").Register("rpm").Set(t.Context(), 901))
	m := <-overheard
	id, err := joinery.ParseID(deviceID)
	require.NoError(t, err)
	before := server.Status()
	require.NoError(t, nc.Publish(message.NewSubjects("shop", id).Delta("fleet.42.engine"), m.Data)) // another's word on the own subject
	require.Eventually(t, func() bool { return server.Status().Stats.Refused > before.Stats.Refused }, 20*time.Second, time.Millisecond)
	require.Equal(t, before.Digest, server.Status().Digest)
}

func TestRolesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"king", "--id", serverID}, {"server"}, {"server", "--id", "x"}, {"device", "--id", deviceID, "--pattern", "a..b"},
		{"server", "--id", serverID, "--pattern", "a"}, {"client"}, {"client", "--id", "a.b"}, {"client", "--id", "a", "--pattern", "x"},
		{"client", "--id", "a", "--format", "xml"}, {"client", "--id", "a", "--space", ""},
	} {
		require.Equal(t, exitUsage, command(t, "", append([]string{"permissions"}, args...)...).code, args)
	}
}

func TestPermissionsComeInThreeForms(t *testing.T) {
	for form, want := range map[string]string{
		"nats": `publish: { allow: ["joinery.default.p.`, "json": `"inbox_prefix": "_INBOX_joinery.default.` + deviceID + `"`,
		"nsc": `--allow-sub '_INBOX_joinery.default.` + deviceID + `.>'`,
	} {
		r := command(t, "", "permissions", "device", "--id", deviceID, "--pattern", "fleet.42.>", "--format", form)
		require.Equal(t, exitDone, r.code, r.errs)
		require.Contains(t, r.out, want)
		require.Contains(t, r.out, "joinery.default.d."+deviceID+".fleet.42.>")
	}
}

// TestNoRoleGetsRightsByReplies is about reply subjects, which a server does not check:
// whoever may answer what he receives, and publishes to himself, may publish anywhere.
func TestNoRoleGetsRightsByReplies(t *testing.T) {
	g := everybody(t)
	for _, role := range []string{roles.Server, roles.Device, roles.Observer} {
		nc, refused := g.dial(role)
		probe, elsewhere := "joinery.shop.p."+g.guests[role].ID, "joinery.shop.d."+deviceID+".fleet.43.engine"
		if role == roles.Server {
			elsewhere = "joinery.other.d." + serverID + ".x"
		}
		got, err := nc.SubscribeSync(probe)
		require.NoError(t, err)
		require.NoError(t, nc.PublishRequest(probe, elsewhere, []byte("to myself")))
		m, err := got.NextMsg(20 * time.Second)
		require.NoError(t, err)
		require.NoError(t, m.Respond([]byte("x")))
		require.NoError(t, nc.FlushTimeout(20*time.Second))
		require.Eventually(t, func() bool { return refused.has(elsewhere) }, 20*time.Second, time.Millisecond, "%s may answer to %s", role, elsewhere)
	}
}

// TestAPatternOfOneTokenIsNotWidened is about subjects, in which a wildcard is a token
// like others, that "*" in permissions matches.
func TestAPatternOfOneTokenIsNotWidened(t *testing.T) {
	g := newGuarded(t,
		roles.Who{Role: roles.Server, Space: "shop", ID: serverID},
		roles.Who{Role: roles.Device, Space: "shop", ID: deviceID, Patterns: []string{"van.*"}})
	s := "joinery.shop."
	g.refuses(roles.Device, []string{
		s + "q." + deviceID + ".van.%3E", s + "i." + deviceID + ".van.%3E",
		s + "r." + serverID + ".ask." + deviceID + ".van.%3E", s + "r." + serverID + ".own." + deviceID + ".van.%3E",
	}, nil)
	device, server := g.replica(roles.Device), g.replica(roles.Server)
	require.NoError(t, server.Doc("van.1").Register("n").Set(t.Context(), 1))
	require.NoError(t, device.Doc("van.2").Register("n").Set(t.Context(), 2))
	require.Eventually(t, func() bool { return device.Doc("van.1").Exists() && server.Doc("van.2").Exists() }, 20*time.Second, time.Millisecond)
	require.Empty(t, device.Status().Denied)
}
