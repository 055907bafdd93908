package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoEndsWithConverged(t *testing.T) {
	r := command(t, "", "demo")
	require.Equal(t, exitDone, r.code, r.errs)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.True(t, strings.HasPrefix(lines[len(lines)-1], "converged"), r.out)
	require.NotContains(t, r.out, "\x1b")
}

// TestCommands is a session: each step's output, with arguments split at spaces.
func TestCommands(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0", "--space", "shop")
	for _, step := range []struct{ args, out string }{
		{"put user:123 name Alice age 42 temp -5", ""},
		{"put user:123 address/city Oslo address/geo {\"lat\":59.9}", ""},
		{"get user:123 name", "Alice\n"},
		{"get user:123 age", "42\n"},
		{"get user:123 temp", "-5\n"},
		{"put user:123 zip 0150 --text", ""},
		{"get user:123 address", "address/city = \"Oslo\"\naddress/geo/lat = 59.9\n"},
		{"inc user:123 visits", "1\n"},
		{"inc user:123 visits -3", "-2\n"},
		{"add user:123 tags vip 7", ""},
		{"remove user:123 tags 7", "removed 1 element\n"},
		{"get user:123 tags", "tags has \"vip\"\n"},
		{"add user:123 blocked m --remove-wins", ""},
		{"remove user:123 blocked m n --remove-wins", "removed 2 elements\n"},
		{"put user:123 prefs/lang no prefs/size 7 prefs/x true --lww", ""},
		{"get user:123 prefs/lang", "no\n"},
		{"put user:123 several 1 several {\"$counter\":2} several {\"$flag\":true}", ""},
		{"get user:123 several --json", `{"doc":"user:123","fields":{"several":{"$all":[1,{"$counter":2},{"$flag":true}]}}}` + "\n"},
		{"delete user:123 several", "deleted 3 fields\n"},
		{"delete user:123 address/geo", "deleted 1 field\n"},
		{"delete user:123 prefs/size", "deleted 1 field\n"},
		{"get user:123 --json", `{"doc":"user:123","fields":{"address":{"city":"Oslo"},"age":42,"name":"Alice","prefs":{"$lwwmap":{"lang":"no","x":true}},"tags":{"$set":["vip"]},"temp":-5,"visits":{"$counter":-2},"zip":"0150"}}` + "\n"},
		{"conflicts", ""},
		{"watch user:123 --count 2", "user:123  age = 42\nuser:123  name = \"Alice\"\n"},
		{"export nothing.*", ""},
		{"put user:124 name Bob", ""},
		{"list", "user:123\nuser:124\n"},
		{"list * --limit 1", "user:123\n"},
		{"list * --limit 1 --after user:123", "user:124\n"},
		{"list user.* --json", ""},
		{"list user:124 --json", `{"doc":"user:124"}` + "\n"},
		{"delete user:124", "deleted 1 field\n"},
		{"delete user:123", "deleted 9 fields\n"},
		{"export", ""},
	} {
		require.Equal(t, step.out, d.do(strings.Split(step.args, " ")...), step.args)
	}
}

func TestResolveWithoutAConflictIsRefused(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	d.do("put", "d", "n", "one")
	r := d.call("", "resolve", "d", "n", "x")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, "no conflict")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	port := d.URL[strings.LastIndex(d.URL, ":")+1:]
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"get x --nats nats://127.0.0.1:1", exitNoServer, "joinery serve"},
		{"get x --nats nats://u:secret@127.0.0.1:1", exitNoServer, "nats://u:xxxxx@127.0.0.1:1"},
		{"get x --space empty --nats " + d.URL, exitNoServer, "joinery serve --nats " + d.URL + " --space empty"},
		{"get x --replica none --nats " + d.URL, exitNoServer, "Leave --replica out"},
		{"get x --nats " + d.URL, exitFailed, `no document "x"`},
		{"get x y --nats " + d.URL, exitFailed, `nothing at "y"`},
		{"delete x --nats " + d.URL, exitFailed, `no document "x"`},
		{"remove x y z --nats " + d.URL, exitFailed, "none of these"},
		{"put a..b c d --nats " + d.URL, exitFailed, "empty token"},
		{"put a b {\"$sett\":[]} --nats " + d.URL, exitFailed, `unknown form "$sett"`},
		{"export a.>.b --nats " + d.URL, exitFailed, "wildcard"},
		{"import /no/such/file --nats " + d.URL, exitFailed, "no such file"},
		{"serve --listen 127.0.0.1:" + port, exitFailed, "--listen 127.0.0.1:0"},
		{"serve --nats " + d.URL + " --leaf x", exitUsage, "--leaf is for the embedded server"},
		{"serve --id x", exitUsage, "--id"},
		{"put a b", exitUsage, "pairs of FIELD and VALUE"},
		{"put a b c --lww", exitUsage, "MAP/KEY"},
		{"inc a b x", exitUsage, "whole one of 64 bits"},
		{"resolve a b", exitUsage, "--pick"},
		{"import --prefix x", exitUsage, "--doc-field"},
		{"get", exitUsage, "Usage: joinery get DOC [FIELD]"},
		{"get a --bad", exitUsage, "unknown flag"},
		{"frobnicate", exitUsage, "unknown command"},
		{"watch --count -1", exitUsage, "must be 0 or above"},
		{"watch --count -1x", exitUsage, `"-1x"`},
		{"serve -1", exitUsage, `"-1"`},
		{"-1", exitUsage, `"-1"`},
	} {
		r := command(t, "", strings.Split(c.args, " ")...)
		require.Equal(t, c.code, r.code, "%s: %s", c.args, r.errs)
		require.Contains(t, r.errs, c.says, c.args)
		require.NotContains(t, r.errs, "secret")
		require.NotContains(t, r.errs, `\x00`)
	}
}

func TestImportNamesBrokenLinesAndAppliesNothingOfThem(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "in.jsonl")
	broken := `{"doc":"b","fields":{"x":1,"y":"` + strings.Repeat("x", 200<<10) + `"}}`
	text := strings.Join([]string{`{"doc":"a","fields":{"x":1}}`, "", broken, `{"doc":"c","fields":{"x":1}}`, "}"}, "\n")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	r := d.call("", "import", file)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, file+":3: ")
	require.Equal(t, `{"doc":"a","fields":{"x":1}}`+"\n", d.do("export"))

	r = d.call("", "import", file, "--keep-going", "--json")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, file+":3: ")
	require.Contains(t, r.errs, file+":5: not JSON")
	require.Contains(t, r.errs, "left out 2 broken lines")
	var sum struct{ Applied, Refused int }
	require.NoError(t, json.Unmarshal([]byte(r.out), &sum))
	require.Equal(t, 2, sum.Applied)
	require.Equal(t, 2, sum.Refused)
	require.Equal(t, `{"doc":"a","fields":{"x":1}}`+"\n"+`{"doc":"c","fields":{"x":1}}`+"\n", d.do("export"))
}

func TestImportOfALineAboveThePayloadLimitNamesIt(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	long := `{"doc":"a","fields":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`
	r := d.call(`{"doc":"b","fields":{"x":1}}`+"\n"+long+"\n"+`{"doc":"c","fields":{"x":1}}`, "import", "--keep-going")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errs, "stdin:2: longer than")
	require.Equal(t, 2, strings.Count(d.do("export"), "\n"))
}

func TestImportOfForeignObjects(t *testing.T) {
	d := serve(t, "--listen", "127.0.0.1:0")
	in := `{"id":7,"$set":{"y":[1,{"$bytes":1}]},"big":18446744073709551615}` + "\n"
	r := d.call(in, "import", "--doc-field", "id", "--prefix", "sensor.")
	require.Equal(t, exitDone, r.code, r.errs)
	require.Equal(t, `{"doc":"sensor.7","fields":{"$$set":{"y":[1,{"$$bytes":1}]},"big":18446744073709551615,"id":7}}`+"\n", d.do("export"))
	require.Equal(t, exitDone, d.call(`{"id":7}`, "import", "--doc-field", "id", "--prefix", "-5").code)
	require.Equal(t, `{"doc":"-57","fields":{"id":7}}`+"\n", d.do("export", "-57"))
	for in, says := range map[string]string{"{}": `no field "id"`, `{"id":[]}`: "is a list", "x": "not JSON"} {
		r := d.call(in, "import", "--doc-field", "id")
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.errs, "stdin:1: ")
		require.Contains(t, r.errs, says)
	}
}

func TestHelpHasExamplesAndCompletion(t *testing.T) {
	for _, cmd := range newRoot().Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		r := command(t, "", cmd.Name(), "--help")
		require.Equal(t, exitDone, r.code)
		require.Contains(t, r.out, "Examples:\n  joinery "+cmd.Name())
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, command(t, "", "completion", shell).out, "joinery")
	}
}
