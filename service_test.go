package joinery_test

import (
	"bufio"
	"context"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/embedded"
)

const servicePage = "docs/service.md"

// servicePermissions returns the subjects that the page of the service gives to somebody.
func servicePermissions(t *testing.T, who, what string, id joinery.ID) []string {
	for _, row := range tableUnder(t, page(t, servicePage), "## Permissions") {
		if row[0] == who && row[1] == what {
			subjects := strings.NewReplacer("`", "", "SPACE", "shop", "ID", id.String()).Replace(row[2])
			return strings.Split(subjects, ", ")
		}
	}
	require.Fail(t, "no row", "%s, %s", who, what)
	return nil
}

// guardedSite is a server with permissions, and the command line to use on it.
type guardedSite struct {
	*testing.T
	binary, address string
	id              joinery.ID
}

func newGuardedSite(t *testing.T) *guardedSite {
	s := &guardedSite{T: t, binary: filepath.Join(t.TempDir(), "joinery.exe"), id: joinery.NewID()}
	out, err := exec.Command("go", "build", "-o", s.binary, "./clients/joinery").CombinedOutput()
	require.NoError(t, err, "%s", out)
	srv, err := embedded.Start(t.Context(), embedded.Config{Listen: "127.0.0.1:0", Users: []embedded.User{
		{
			Name: "replica", Password: "x",
			Publish:   append(permissions(t, "publish", "shop", s.id), servicePermissions(t, "replica", "publish", s.id)...),
			Subscribe: append(permissions(t, "subscribe", "shop", s.id), servicePermissions(t, "replica", "subscribe", s.id)...),
		},
		{
			Name: "client", Password: "x",
			Publish:   servicePermissions(t, "client", "publish", s.id),
			Subscribe: servicePermissions(t, "client", "subscribe", s.id),
		},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Shutdown(context.Background())) })
	u, err := url.Parse(srv.ClientURL())
	require.NoError(t, err)
	s.address = u.Host
	return s
}

// command returns a call of the command line by a user.
func (s *guardedSite) command(user string, args ...string) *exec.Cmd {
	args = append(args, "--space", "shop", "--nats", "nats://"+user+":x@"+s.address)
	return exec.Command(s.binary, args...)
}

// serve runs a replica until the test ends, and returns when it serves.
func (s *guardedSite) serve() {
	cmd := s.command("replica", "serve", "--id", s.id.String())
	out, err := cmd.StdoutPipe()
	require.NoError(s, err)
	require.NoError(s, cmd.Start())
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	stuck := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "interrupt") {
			return
		}
	}
	require.Fail(s, "the replica does not serve")
}

func TestThinClientsNeedNoMorePermissionsThanTheServicesPageSays(t *testing.T) {
	s := newGuardedSite(t)
	s.serve()
	for _, step := range []struct{ want, args string }{
		{"", "put user:123 name Alice"},
		{"2", "inc user:123 visits 2"},
		{"", "add user:123 tags vip"},
		{"Alice", "get user:123 name"},
		{s.id.String(), "status --all"},
		{"Alice", "watch user:123 --count 1"},
		{"no conflicts", "conflicts"},
		{`"$set":["vip"]`, "export --quiet"},
		{"", "delete user:123 name --replica " + s.id.String()},
	} {
		out, err := s.command("client", strings.Fields(step.args)...).CombinedOutput()
		require.NoError(t, err, "%s: %s", step.args, out)
		require.Contains(t, string(out), step.want, step.args)
	}
}

func TestTheServicesPageHasAllOperations(t *testing.T) {
	_, table, found := strings.Cut(page(t, "clients/internal/service/server.go"), "map[string]operation{\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n}")
	var offered []string
	for _, entry := range regexp.MustCompile(`"([a-z]+)":`).FindAllStringSubmatch(table, -1) {
		offered = append(offered, entry[1])
	}
	require.NotEmpty(t, offered)
	require.ElementsMatch(t, offered, column(tableUnder(t, page(t, servicePage), "## Operations"), 0))
}
