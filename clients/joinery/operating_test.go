package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/metrics"
)

const operatingPage = "../../docs/operating.md"

// rowsUnder returns the first cells of the rows of a table of the page, without code marks.
func rowsUnder(t *testing.T, heading string) (first []string) {
	b, err := os.ReadFile(operatingPage)
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(b), "\n"+heading+"\n")
	require.True(t, ok, heading)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			break
		}
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| `") {
			first = append(first, strings.Trim(cell, "`"))
		}
	}
	return first
}

func flagsOf(t *testing.T, name string) (names []string) {
	cmd, _, err := newRoot().Find([]string{name})
	require.NoError(t, err)
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

func TestTheOperatingPageHasAllSettingsOfServe(t *testing.T) {
	require.ElementsMatch(t, flagsOf(t, "serve"), rowsUnder(t, "## Settings"))
}

func TestTheOperatingPageHasAllMetrics(t *testing.T) {
	require.ElementsMatch(t, metrics.Names(), rowsUnder(t, "### Metrics"))
}

func TestTheOperatingPageHasAllExitStatuses(t *testing.T) {
	want := []string{}
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitNoServer} {
		want = append(want, fmt.Sprint(code))
	}
	require.Equal(t, append(want, "130, 143"), rowsUnder(t, "## Exit status"))
}

// settingsOf runs serve --print-config.
func settingsOf(t *testing.T, args ...string) map[string]setting {
	r := command(t, "", append([]string{"serve", "--print-config", "--json"}, args...)...)
	require.Equal(t, exitDone, r.code, r.errs)
	out := map[string]setting{}
	for line := range strings.Lines(r.out) {
		var s setting
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		out[s.Name] = s
	}
	return out
}

func configFile(t *testing.T, content string) string {
	file := filepath.Join(t.TempDir(), "serve.json")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func TestAFlagGoesBeforeTheEnvironmentBeforeTheFileBeforeTheDefault(t *testing.T) {
	file := configFile(t, `{"space": "file", "listen": "127.0.0.1:1", "drain": "7s", "insecure": true, "leaf": ["nats-leaf://a:1", "nats-leaf://b:2"]}`)
	t.Setenv("JOINERY_SPACE", "environment")
	t.Setenv("JOINERY_LISTEN", "127.0.0.1:2")
	got := settingsOf(t, "--config", file, "--listen", "127.0.0.1:3")
	for _, want := range []setting{
		{"listen", "127.0.0.1:3", fromFlag}, {"space", "environment", fromEnvironment}, {"drain", "7s", fromFile},
		{"insecure", "true", fromFile}, {"leaf", "[nats-leaf://a:1,nats-leaf://b:2]", fromFile}, {"log-level", "warn", fromDefault},
	} {
		require.Equal(t, want, got[want.Name])
	}
}

func TestTheEnvironmentNamesTheFileToo(t *testing.T) {
	t.Setenv("JOINERY_CONFIG", configFile(t, `{"space": "file"}`))
	t.Setenv("JOINERY_LEAF", "nats-leaf://a:1,nats-leaf://b:2")
	got := settingsOf(t)
	require.Equal(t, "file", got["space"].Value)
	require.Equal(t, "[nats-leaf://a:1,nats-leaf://b:2]", got["leaf"].Value)
}

func TestWhatAFileMayNotSayIsAUsageError(t *testing.T) {
	for content, want := range map[string]string{
		`{"spaec": "x"}`: "unknown setting", `{"config": "x"}`: "unknown setting", `{"json": true}`: "unknown setting",
		`[]`: "not a JSON object", `{"drain": "soon"}`: "drain", `{"space": {"a": 1}}`: "must be text", `{"space": null}`: "must be text",
		`{"space": ["a"]}`: "takes no list",
	} {
		r := command(t, "", "serve", "--config", configFile(t, content))
		require.Equal(t, exitUsage, r.code, content)
		require.Contains(t, r.errs, want, content)
	}
	require.Equal(t, exitUsage, command(t, "", "serve", "--config", filepath.Join(t.TempDir(), "none")).code)
}

func TestPrintedSettingsHaveNoSecrets(t *testing.T) {
	r := command(t, "", "serve", "--print-config", "--leaf", "nats-leaf://user:verysecret@hub:7422", "--leaf", "nats-leaf://token77@hub:7422")
	require.Equal(t, exitDone, r.code, r.errs)
	require.NotContains(t, r.out, "verysecret")
	require.NotContains(t, r.out, "token77")
	require.Contains(t, r.out, "hub:7422")
}

func TestThinClientsTakeConnectionSettingsFromTheEnvironment(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0", "--space", "garden")
	t.Setenv("JOINERY_NATS", d.URL)
	t.Setenv("JOINERY_SPACE", "garden")
	require.Equal(t, exitDone, command(t, "", "put", "a", "b", "c").code)
	require.Contains(t, command(t, "", "get", "a").out, `b = "c"`)
	r := command(t, "", "get", "a", "--space", "other")
	require.Equal(t, exitNoServer, r.code)
}

func TestANATSContextFillsWhatIsNotGiven(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	dir := filepath.Join(home, "nats", "context")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), []byte(content), 0o600))
	}
	write("here", `{"description": "d", "url": "`+d.URL+`", "token": "", "color_scheme": "x", "inbox_prefix": "_INBOX_me"}`)
	write("elsewhere", `{"url": "nats://127.0.0.1:1"}`)
	write("nsc", `{"nsc": "nsc://o/a/u"}`)
	require.Equal(t, exitDone, command(t, "", "put", "a", "b", "c", "--nats-context", "here").code)
	require.Equal(t, exitNoServer, command(t, "", "get", "a", "--nats-context", "elsewhere").code)
	require.Equal(t, exitDone, command(t, "", "get", "a", "--nats-context", "elsewhere", "--nats", d.URL).code, "a flag goes before it")
	for _, bad := range []string{"none", "nsc", "../here"} {
		require.Equal(t, exitUsage, command(t, "", "get", "a", "--nats-context", bad).code, bad)
	}
}

func TestListenersForAnybodyNeedInsecure(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--leaf-listen", "[::]:0"}, {"--http", "0.0.0.0:0"}, {"--listen", "example.com:0"},
		{"--listen-ca", "x"}, {"--listen-cert", "x"}, {"--tls-cert", "x"}, {"--creds", "x", "--nkey", "y"}, {"--drain", "0s"},
		{"--log-level", "loud"}, {"--log-format", "xml"}, {"--nats", "nats://127.0.0.1:1", "--auth", "x"},
	} {
		require.Equal(t, exitUsage, command(t, "", append([]string{"serve"}, args...)...).code, args)
	}
	require.NoError(t, (&hosting{insecure: true}).check(true, "0.0.0.0:1", "0.0.0.0:2", "0.0.0.0:3"))
	require.NoError(t, (&hosting{auth: "x"}).check(true, "0.0.0.0:1", "0.0.0.0:2", "127.0.0.1:3"))
	require.NoError(t, (&hosting{}).check(true, "localhost:1", "[::1]:2", "127.0.0.9:3"))
}

// fetch reads a page of a daemon's web server.
func (d *daemon) fetch(path string) (int, string) {
	resp, err := http.Get("http://" + d.HTTP + path)
	require.NoError(d, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(d, err)
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode, string(b)
}

func TestHealthAndMetricsAreServed(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dir", t.TempDir())
	d.do("put", "a", "b", "c")
	require.Eventually(t, func() bool { code, _ := d.fetch("/readyz"); return code == http.StatusOK }, 20*time.Second, time.Millisecond)
	code, body := d.fetch("/healthz")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"live": true, "ready": true}`, body)
	_, body = d.fetch("/metrics")
	for _, name := range metrics.Names() {
		require.Regexp(t, `(?m)^`+name+`(\{.*\})? `, body)
	}
	require.Contains(t, body, "joinery_writes_total 1\n")
	var seen []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(body, -1) {
		seen = append(seen, m[1])
	}
	require.ElementsMatch(t, metrics.Names(), seen)
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	good := joinery.Status{Online: true}
	require.Equal(t, service.Health{Live: true, Ready: true}, service.HealthOf(good))
	for why, st := range map[string]joinery.Status{
		"not connected": {}, "loading documents": {Online: true, Loading: 1},
		"the server refuses subjects that are needed": {Online: true, Denied: []string{"x"}},
	} {
		require.Equal(t, service.Health{Live: true, Why: []string{why}}, service.HealthOf(st))
	}
	require.False(t, service.HealthOf(joinery.Status{Online: true, Failed: "full"}).Live)
	require.False(t, service.HealthOf(joinery.Status{Gone: true}).Live)
}

func TestTheServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	d := serve(t, "--listen", "127.0.0.1:0")
	next := func() string {
		b := make([]byte, 100)
		require.NoError(t, l.SetReadDeadline(time.Now().Add(30*time.Second)))
		n, err := l.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
	require.Equal(t, "READY=1", next())
	d.end()
	require.Equal(t, "STOPPING=1", next())
}

// TestDeployedCommandsAreWhatTheProgramTakes reads the flags of the unit and of the
// Dockerfile. With JOINERY_DEPLOY it also runs the line that builds, which compiles
// everything anew.
func TestDeployedCommandsAreWhatTheProgramTakes(t *testing.T) {
	known := flagsOf(t, "serve")
	for _, file := range []string{"deploy/joinery.service", "deploy/Dockerfile"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		command := regexp.MustCompile(`(?m)^(ExecStart=|CMD ).*$`).FindString(string(b))
		require.Contains(t, command, "serve")
		for _, f := range regexp.MustCompile(`--[a-z-]+`).FindAllString(command, -1) {
			require.True(t, slices.Contains(known, f), "%s: %s", file, f)
		}
	}
	b, err := os.ReadFile("deploy/Dockerfile")
	require.NoError(t, err)
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*)$`).FindStringSubmatch(string(b))
	require.NotNil(t, build)
	require.Contains(t, string(b), "USER 65532")
	if os.Getenv("JOINERY_DEPLOY") == "" {
		return
	}
	line := strings.Replace(build[1], "/out/joinery", filepath.Join(t.TempDir(), "joinery"), 1)
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestProcessesUnderOneIdentityAreTold(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0", "--id", serverID)
	serve(t, "--nats", d.URL, "--id", serverID)
	r := command(t, "", "status", "--all", "--nats", d.URL)
	require.Equal(t, exitDone, r.code, r.errs)
	require.Equal(t, 1, strings.Count(r.errs, "answers more than once"))
	require.Equal(t, 1, strings.Count(r.out, serverID))
}

func TestFilesThatCannotServeAreNamed(t *testing.T) {
	missing, accounts := filepath.Join(t.TempDir(), "missing.creds"), filepath.Join(t.TempDir(), "auth.conf")
	require.NoError(t, os.WriteFile(accounts, []byte("accounts { A { users = [ {user: a, password: b} ] } }"), 0o600))
	for file, args := range map[string][]string{
		missing:  {"serve", "--listen", "127.0.0.1:0", "--leaf", "nats-leaf://127.0.0.1:1", "--leaf-creds", missing},
		accounts: {"serve", "--listen", "127.0.0.1:0", "--auth", accounts},
	} {
		r := command(t, "", args...)
		require.Equal(t, exitFailed, r.code, args)
		require.Contains(t, r.errs, file)
	}
	r := command(t, "", "get", "a", "--nats", "nats://127.0.0.1:1", "--creds", missing)
	require.Equal(t, exitFailed, r.code, "a server may well be there")
	require.Contains(t, r.errs, missing)
}
