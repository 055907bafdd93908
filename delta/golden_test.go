package delta

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

var update = flag.Bool("update", false, "rewrite the golden files that the encoder writes differently now")

// golden are the frames whose bytes later releases must go on reading.
func golden() map[string]Delta {
	out := kinds()
	a := newAuthor(alice)
	for _, key := range []string{"one", "two", "three"} {
		a.assign(&kernel.Payload{Tag: 2, Key: key, Value: "at once", Time: 1 << 45})
	}
	out["group"] = a.seal()
	a.put("big", strings.Repeat("0123456789abcdef", 20))
	out["long"] = a.seal()
	for i, t := range []hlc.Time{0, 5, 6, 3, 1 << 60} {
		a.assign(&kernel.Payload{Tag: kernel.Tag(i + 1), Key: "t", Value: []string{"", "v"}[i%2], Time: t})
	}
	out["times-and-tags"] = a.seal()
	return out
}

// meaning says in words what a frame says in bytes.
func meaning(t *testing.T, d Delta) string {
	t.Helper()
	f, err := d.Open()
	require.NoError(t, err)
	var b strings.Builder
	for _, p := range f.Parts() {
		fmt.Fprintf(&b, "part %d %q\n", p.ID, p.Data)
	}
	claims, deaths := f.Claims(), f.Deaths()
	for a, rs := range claims.All() {
		fmt.Fprintf(&b, "claims %v @ %v\n", a, rs)
	}
	for a, rs := range deaths.All() {
		fmt.Fprintf(&b, "deaths %v @ %v\n", a, rs)
	}
	for a := range f.All() {
		fmt.Fprintf(&b, "add %v\n  path %v tag %d key %q value %q\n  time %d expiry %d marked %v\n",
			a.Dot, a.Path, a.Tag, a.Key, a.Value, a.Time, a.Expiry, a.Marked)
	}
	return b.String()
}

// text is a golden file's content: the bytes, a blank line, what they mean.
func text(t *testing.T, d Delta) string {
	t.Helper()
	var b strings.Builder
	for rest := []byte(d); len(rest) > 0; {
		n := min(32, len(rest))
		b.WriteString(hex.EncodeToString(rest[:n]) + "\n")
		rest = rest[n:]
	}
	return b.String() + "\n" + meaning(t, d)
}

func readGolden(t *testing.T, path string) (Delta, string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	digits, words, found := strings.Cut(string(raw), "\n\n")
	require.True(t, found)
	d, err := hex.DecodeString(strings.ReplaceAll(digits, "\n", ""))
	require.NoError(t, err)
	return d, words
}

func TestEncoderWritesTheGoldenFiles(t *testing.T) {
	for name, d := range golden() {
		path := filepath.Join("testdata", "golden", name+".txt")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(text(t, d)), 0o644))
		}
		want, _ := readGolden(t, path)
		require.Equal(t, want, d, name)
	}
}

// Every golden file is read, those too that the encoder does not write any more.
func TestGoldenFilesMeanWhatTheyMeant(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 10)
	for _, path := range paths {
		d, words := readGolden(t, path)
		require.Equal(t, words, meaning(t, d), path)
		f, err := d.Open()
		require.NoError(t, err)
		var s kernel.State
		if !f.Fits(&s) {
			continue
		}
		require.NoError(t, f.Merge(&s))
		require.NoError(t, s.Verify())
		if filepath.Base(path) == "state.txt" {
			require.Equal(t, []byte(d), AppendState(nil, &s), "a state is written again in the same bytes")
		}
	}
}

// The example in FORMAT.md is what the encoder writes.
func TestFormatExampleIsRight(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	for _, name := range []string{"run", "unit"} {
		_, block, found := strings.Cut(string(doc), "```"+name+"\n")
		require.True(t, found, name)
		block, _, _ = strings.Cut(block, "```")
		var digits strings.Builder
		for line := range strings.Lines(block) {
			column, _, found := strings.Cut(line, "|")
			require.True(t, found, "every line says what it is: %q", line)
			digits.WriteString(strings.ReplaceAll(column, " ", ""))
		}
		require.Equal(t, hex.EncodeToString(golden()[name]), digits.String(), name)
	}
}
