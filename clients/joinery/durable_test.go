package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
)

// keep runs joinery serve on a directory.
func keep(t *testing.T, dir string, args ...string) *daemon {
	return serve(t, append([]string{"--listen", "127.0.0.1:0", "--dir", dir}, args...)...)
}

// answer decodes what a command wrote with --json.
func answer[T any](t *testing.T, r result) (out T) {
	require.NoError(t, json.Unmarshal([]byte(r.out), &out), "%s%s", r.out, r.errs)
	return out
}

func TestAReplicaGoesOnFromItsDirectory(t *testing.T) {
	for _, engine := range datadir.Engines() {
		for _, level := range []string{everyCommit, interval} {
			dir := filepath.Join(t.TempDir(), "data")
			d := keep(t, dir, "--store", engine, "--durability", level)
			require.Equal(t, engine, d.Store)
			d.do("put", "user:123", "name", "Alice")
			d.do("inc", "user:123", "visits", "2")
			d.do("put", "user:123", "name", "Bob")
			digest, id := d.digest(), d.Replica
			d.end()

			d = keep(t, dir)
			require.Equal(t, engine, d.Store, "what the directory was made with")
			require.Equal(t, id, d.Replica)
			require.Equal(t, "Bob\n", d.do("get", "user:123", "name"))
			require.Equal(t, "2\n", d.do("get", "user:123", "visits"))
			require.Equal(t, digest, d.digest())
			d.end()
		}
	}
}

func TestStatusSaysWhereTheDataIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := keep(t, dir, "--store", "bolt", "--durability", "interval", "--sync-every", "30ms")
	st := answer[struct {
		Storage struct {
			Engine, Dir, Durability string
			Bytes                   int64
		}
	}](t, d.call("", "status", "--json")).Storage
	require.Equal(t, "bolt", st.Engine)
	require.Equal(t, dir, st.Dir)
	require.Equal(t, "interval 30ms", st.Durability)
	require.Positive(t, st.Bytes)
	require.Contains(t, d.do("status"), dir)
	require.Contains(t, serve(t, "--listen", "127.0.0.1:0").do("status"), "in memory")
}

func TestADirectoryIsOneProcesssAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	keep(t, dir)
	for _, args := range [][]string{
		{"serve", "--listen", "127.0.0.1:0", "--dir", dir}, {"verify", dir}, {"compact", dir}, {"backup", dir + ".backup", "--dir", dir},
	} {
		r := command(t, "", args...)
		require.Equal(t, exitFailed, r.code, args)
		require.Contains(t, r.errs, "in use", args)
	}
	require.Empty(t, left(t, filepath.Dir(dir), "data"))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

// left returns the names in a directory besides some.
func left(t *testing.T, dir string, besides ...string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.Contains(strings.Join(besides, " "), e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFlagsOfDataThatContradictEachOther(t *testing.T) {
	dir := t.TempDir()
	for args, says := range map[string]string{
		"--dir " + dir + " --durability memory":  "keeps nothing",
		"--durability commit":                    "needs --dir",
		"--store bolt":                           "needs --dir",
		"--dir " + dir + " --store paper":        "pebble, bolt",
		"--dir " + dir + " --durability perhaps": "commit, interval, memory",
		"--dir " + dir + " --sync-every 1s":      "--durability interval",
	} {
		r := command(t, "", append([]string{"serve"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, r.code, args)
		require.Contains(t, r.errs, says, args)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"backup", "a.backup"}, {"restore", "a.backup"}} {
		r := command(t, "", append(args, "--dir", "")...)
		require.Equal(t, exitUsage, r.code, args)
		require.Contains(t, r.errs, "--dir is empty", args)
	}
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Equal(t, exitFailed, command(t, "", "serve", "--listen", "127.0.0.1:0", "--dir", file).code)
}

// filled returns a replica with some documents, one of them large, and its export.
func filled(t *testing.T, dir string, args ...string) (d *daemon, export string) {
	d = keep(t, dir, args...)
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, `{"doc":"d.%d","fields":{"text":"%s","n":{"$counter":%d}}}`+"\n", i%50, strings.Repeat("x", i), i)
		fmt.Fprintf(&lines, `{"doc":"large","fields":{"f%d":"%s"}}`+"\n", i, strings.Repeat("y", 1000))
	}
	require.Equal(t, exitDone, d.call(lines.String(), "import").code)
	return d, d.export()
}

func TestABackupOfARunningReplicaCanBeRestored(t *testing.T) {
	for i, engine := range datadir.Engines() {
		here := t.TempDir()
		dir, file, again := filepath.Join(here, "data"), filepath.Join(here, "a.backup"), filepath.Join(here, "again")
		d, export := filled(t, dir, "--store", engine)
		made := answer[copied](t, d.call("", "backup", file, "--json"))
		require.Equal(t, d.Replica, made.Replica)
		require.Positive(t, made.Entries)
		d.do("put", "d.1", "text", "later")
		if info, err := os.Stat(file); runtime.GOOS != "windows" {
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		}
		require.Empty(t, left(t, here, "data", "a.backup"))
		require.Equal(t, exitDone, command(t, "", "verify", file).code)

		other := datadir.Engines()[1-i]
		r := command(t, "", "restore", file, "--dir", again, "--store", other)
		require.Equal(t, exitDone, r.code, r.errs)
		require.Equal(t, exitDone, command(t, "", "verify", again).code)
		back := keep(t, again) // on a server of its own
		require.Equal(t, d.Replica, back.Replica)
		require.Equal(t, other, back.Store)
		require.Equal(t, export, back.export())
		back.end()
		back = serve(t, "--nats", d.URL, "--dir", again) // beside the one that it is a copy of
		back.Replica = ""
		d.end()
	}
}

func TestABackupOfADirectory(t *testing.T) {
	here := t.TempDir()
	dir, file, again := filepath.Join(here, "data"), filepath.Join(here, "a.backup"), filepath.Join(here, "again")
	d, export := filled(t, dir)
	d.end()
	r := command(t, "", "backup", file, "--dir", dir)
	require.Equal(t, exitDone, r.code, r.errs)
	require.Contains(t, r.out, "entries")
	require.Equal(t, exitDone, command(t, "", "restore", file, "--dir", again).code)
	require.Equal(t, export, keep(t, again).export())
	require.Equal(t, export, keep(t, dir).export())
}

func TestWhatCannotBeBackedUpOrRestoredLeavesNothing(t *testing.T) {
	here := t.TempDir()
	dir, file := filepath.Join(here, "data"), filepath.Join(here, "a.backup")
	memory := serve(t, "--listen", "127.0.0.1:0")
	r := memory.call("", "backup", file)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, "--dir")
	require.Contains(t, memory.call("", "compact").errs, "--dir")
	require.Equal(t, exitFailed, command(t, "", "backup", file, "--dir", dir).code)
	require.Empty(t, left(t, here))

	d, _ := filled(t, dir)
	d.do("backup", file, "--quiet")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{"cut": whole[:len(whole)-9], "flipped": flipped, "empty": nil, "other": []byte("PK")} {
		bad, into := filepath.Join(here, name), filepath.Join(here, "into-"+name)
		require.NoError(t, os.WriteFile(bad, content, 0o600))
		require.Equal(t, exitFailed, command(t, "", "verify", bad).code, name)
		require.Equal(t, exitFailed, command(t, "", "restore", bad, "--dir", into).code, name)
		require.Empty(t, left(t, into), name)
	}
	require.Contains(t, command(t, "", "restore", file, "--dir", dir).errs, "not empty")
	require.Equal(t, exitUsage, command(t, "", "restore", file).code)
	require.Equal(t, exitFailed, command(t, "", "restore", filepath.Join(here, "none"), "--dir", filepath.Join(here, "x")).code)
	require.NoDirExists(t, filepath.Join(here, "x"))
}

func TestVerifyNamesDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, _ := filled(t, dir, "--store", "bolt")
	d.end()
	r := command(t, "", "verify", dir)
	require.Equal(t, exitDone, r.code, r.errs)
	require.Contains(t, r.out, "51 documents (bolt)")
	name := filepath.Join(dir, "store.bolt")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	damaged := 0
	for long := strings.Repeat("y", 1000); ; damaged++ { // some are left over in pages that are free
		at := strings.Index(string(b), long)
		if at < 0 {
			break
		}
		b[at+500] ^= 1
	}
	require.Positive(t, damaged)
	require.NoError(t, os.WriteFile(name, b, 0o600))
	r = command(t, "", "verify", dir, "--json")
	found := answer[verified](t, r)
	require.Equal(t, exitFailed, r.code)
	require.NotEmpty(t, found.Problems)
	require.Equal(t, "large", found.Problems[0].Doc)
	require.Contains(t, r.errs, "large: ")
}

func TestDamageOfTheEngineSaysWhatElseToDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, _ := filled(t, dir)
	d.end()
	lists, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	require.NoError(t, err)
	for _, name := range lists {
		require.NoError(t, os.Truncate(name, 9))
	}
	for _, args := range [][]string{
		{"serve", "--listen", "127.0.0.1:0", "--dir", dir}, {"verify", dir}, {"compact", dir}, {"backup", dir + ".backup", "--dir", dir},
	} {
		r := command(t, "", args...)
		require.Equal(t, exitFailed, r.code, args)
		require.Contains(t, r.errs, "joinery restore --help", args)
	}
}

func TestCompactGivesSpaceBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, _ := filled(t, dir, "--store", "bolt")
	require.Equal(t, exitDone, d.call("", "delete", "large").code)
	type sizes struct {
		Before int64 `json:"bytes_before"`
		After  int64 `json:"bytes_after"`
	}
	running := answer[sizes](t, d.call("", "compact", "--json"))
	require.Positive(t, running.After)
	require.LessOrEqual(t, running.After, running.Before)
	export := d.export()
	d.end()
	r := command(t, "", "compact", dir)
	require.Equal(t, exitDone, r.code, r.errs)
	require.Equal(t, export, keep(t, dir).export())
}

func TestABrokenImportStopsAtTheSameLineWithAStore(t *testing.T) {
	d := keep(t, filepath.Join(t.TempDir(), "data"))
	long := `{"doc":"b","fields":{"y":"` + strings.Repeat("x", 200<<10) + `"}}`
	r := d.call(strings.Join([]string{`{"doc":"a","fields":{"x":1}}`, `{"doc":"a","fields":{"x":2}}`, long, `{"doc":"c","fields":{"x":1}}`}, "\n"), "import")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, "stdin:3: ")
	require.Equal(t, `{"doc":"a","fields":{"x":2}}`+"\n", d.export())
}

func TestGetExactlyWhatIsAtAField(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	d.do("put", "d", "n", "text", "n/below", "more")
	d.do("inc", "d", "n", "3")
	require.Equal(t, "n = \"text\"\nn = 3  (counter)\n", d.do("get", "d", "n", "--exact"))
	require.Contains(t, d.do("get", "d", "n"), "below")
	require.Equal(t, exitFailed, d.call("", "get", "d", "m", "--exact").code)
	require.Equal(t, exitUsage, d.call("", "get", "d", "--exact").code)
}
