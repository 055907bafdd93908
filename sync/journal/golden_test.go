package journal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

var update = flag.Bool("update", false, "write the golden files of the present format")

const goldenEntries, goldenBackup = "testdata/format1.txt", "testdata/backup1"

// writeGolden writes the entries of the sample, the digests of its documents, and a
// backup of it.
func writeGolden(t *testing.T) {
	o := newOriginal(t)
	var b bytes.Buffer
	docs := o.j.Docs()
	slices.Sort(docs)
	for _, doc := range docs {
		fmt.Fprintf(&b, "document %s %016x %d\n", doc, o.facts[doc].digest, len(o.facts[doc].live))
	}
	for e, err := range o.store.Scan(nil, nil) {
		require.NoError(t, err)
		fmt.Fprintf(&b, "entry %x %x\n", e.Key, e.Value)
	}
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(goldenEntries, b.Bytes(), 0o644))
	require.NoError(t, os.WriteFile(goldenBackup, backupOf(t, o.store), 0o644))
}

// readGolden returns the store that the golden file holds and a line for each
// document.
func readGolden(t *testing.T) (*store.Memory, []string) {
	file, err := os.Open(goldenEntries)
	require.NoError(t, err)
	defer file.Close()
	s := store.NewMemory()
	var docs []string
	var b store.Batch
	for lines := bufio.NewScanner(file); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		if what == "document" {
			docs = append(docs, rest)
			continue
		}
		k, v, _ := strings.Cut(rest, " ")
		key, err := hex.DecodeString(k)
		require.NoError(t, err)
		value, err := hex.DecodeString(v)
		require.NoError(t, err)
		b.Put(key, value)
	}
	require.NoError(t, s.Apply(&b, true))
	return s, docs
}

// TestWhatWasWrittenOnceIsReadForEver opens files that an earlier release wrote.
func TestWhatWasWrittenOnceIsReadForEver(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	entries, docs := readGolden(t)
	backup, err := os.ReadFile(goldenBackup)
	require.NoError(t, err)
	restored := store.NewMemory()
	_, err = RestoreBackup(t.Context(), bytes.NewReader(backup), restored, nil)
	require.NoError(t, err)
	for _, s := range []*store.Memory{entries, restored} {
		require.Empty(t, verified(t, s).Problems)
		b, err := (&bench{t: t, cfg: sampleConfig}).afresh(s)
		require.NoError(t, err)
		var found []string
		for _, doc := range b.j.Docs() {
			require.NoError(t, b.reload(doc))
			f := factsOf(b.r.View(doc).State())
			found = append(found, fmt.Sprintf("%s %016x %d", doc, f.digest, len(f.live)))
		}
		require.Equal(t, docs, found)
	}
	b := &bench{t: t, cfg: sampleConfig, store: restored}
	b.start()
	b.loadAll()
	b.set("rows", "k", "a later release writes on")
	b.checkpoint("rows")
	require.Empty(t, verified(t, b.store).Problems)
}
