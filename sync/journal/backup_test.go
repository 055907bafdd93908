package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

func backupOf(t testing.TB, r store.Reader) []byte {
	t.Helper()
	var w bytes.Buffer
	counts, err := Backup(t.Context(), &w, r, nil)
	require.NoError(t, err)
	require.Empty(t, counts.Damaged)
	return w.Bytes()
}

func TestABackupBringsEverythingBackUnderANewIncarnation(t *testing.T) {
	o := newOriginal(t)
	require.NoError(t, o.j.Close())
	view, err := o.store.Snapshot()
	require.NoError(t, err)
	o.set("rows", "k1", "after the backup")
	o.append(true)
	data := backupOf(t, view)
	checked, err := VerifyBackup(t.Context(), bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.EqualValues(t, len(o.keys), checked.Entries)
	for range 2 { // as often as one likes
		into := store.NewMemory()
		counts, err := RestoreBackup(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), into, nil)
		require.NoError(t, err)
		require.Equal(t, checked, counts)
		require.Zero(t, into.Unsynced())
		m, err := readMeta(into)
		require.NoError(t, err)
		require.Equal(t, meta{format: format, id: o.j.meta.id, incarnation: o.j.meta.incarnation}, *m, "neither clean nor of this place")
		_, start, err := Open(into, Config{})
		require.NoError(t, err)
		require.Equal(t, o.j.meta.id, start.ID)
		require.Zero(t, start.Incarnation, "the original ended cleanly, but it may have gone on")
		require.True(t, start.Copied)
		b, err := o.afresh(into)
		require.NoError(t, err)
		for doc, whole := range o.facts {
			require.NoError(t, b.reload(doc))
			require.Equal(t, whole, factsOf(b.r.View(doc).State()))
		}
		report, err := Verify(t.Context(), into, nil)
		require.NoError(t, err)
		require.Empty(t, report.Problems)
	}
}

func TestADamagedBackupIsNeverOpened(t *testing.T) {
	o := newOriginal(t)
	data := backupOf(t, o.store)
	refused := func(data []byte, about string, at int) {
		t.Helper()
		into := store.NewMemory()
		_, err := RestoreBackup(t.Context(), bytes.NewReader(data), into, nil)
		require.Error(t, err, "%s at %d", about, at)
		require.True(t, errors.Is(err, ErrBackup) || errors.Is(err, store.ErrVersion), "%s at %d: %v", about, at, err)
		_, verified := VerifyBackup(t.Context(), bytes.NewReader(data), nil)
		require.ErrorContains(t, err, verified.Error())
		_, _, err = Open(into, Config{ID: o.j.meta.id})
		if count(t, into, kindName) > 0 {
			require.ErrorContains(t, err, "no identity")
		}
	}
	for at := range data {
		refused(data[:at], "cut off", at)
		for _, bit := range []byte{1, 0x80} {
			broken := bytes.Clone(data)
			broken[at] ^= bit
			refused(broken, "a flipped bit", at)
		}
	}
	refused(append(bytes.Clone(data), 0), "more", len(data))
}

func TestDamageSaysWhereItIs(t *testing.T) {
	data := backupOf(t, newOriginal(t).store)
	_, err := VerifyBackup(t.Context(), bytes.NewReader(data[:len(data)-7]), nil)
	require.ErrorIs(t, err, ErrBackup)
	require.ErrorContains(t, err, "at byte")
	_, err = VerifyBackup(t.Context(), strings.NewReader("joinery backup 2\n"), nil)
	require.ErrorIs(t, err, store.ErrVersion)
	_, err = VerifyBackup(t.Context(), io.MultiReader(bytes.NewReader(data[:20]), iotest.ErrReader(io.ErrClosedPipe)), nil)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NotErrorIs(t, err, ErrBackup)
}

func TestABackupOfANewerJournalIsRefused(t *testing.T) {
	s := store.NewMemory()
	m := meta{format: format + 1, id: [16]byte{1}}
	var b store.Batch
	m.put(&b)
	require.NoError(t, s.Apply(&b, true))
	_, err := Backup(t.Context(), io.Discard, s, nil)
	require.ErrorIs(t, err, store.ErrVersion)
	_, err = Verify(t.Context(), s, nil)
	require.ErrorIs(t, err, store.ErrVersion)
	w := &backupWriter{w: &bytes.Buffer{}, meter: meter{ctx: t.Context()}}
	require.NoError(t, w.run(s))
	_, err = RestoreBackup(t.Context(), w.w.(io.Reader), store.NewMemory(), nil)
	require.ErrorIs(t, err, store.ErrVersion)
}

func TestOnlyAnEmptyStoreIsRestoredInto(t *testing.T) {
	o := newOriginal(t)
	_, err := RestoreBackup(t.Context(), bytes.NewReader(backupOf(t, o.store)), o.store, nil)
	require.ErrorContains(t, err, "not empty")
	_, err = Backup(t.Context(), io.Discard, store.NewMemory(), nil)
	require.ErrorContains(t, err, "empty")
}

func TestABackupOfDamagedDataSaysSoAndKeepsTheRest(t *testing.T) {
	o := newOriginal(t)
	row, err := first(o.store, []byte{kindRow}, []byte{kindRow + 1})
	require.NoError(t, err)
	o.store.Damage(row)
	o.store.Corrupt(recordKey(o.j.docs["log"].num, 0), func(v []byte) []byte { return v[:9] })
	var w bytes.Buffer
	counts, err := Backup(t.Context(), &w, o.store, nil)
	require.NoError(t, err)
	require.Len(t, counts.Damaged, 2)
	require.EqualValues(t, 1, counts.LeftOut)
	into := store.NewMemory()
	restored, err := RestoreBackup(t.Context(), &w, into, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, restored.LeftOut)
	require.Len(t, restored.Damaged, 1)
	report, err := Verify(t.Context(), into, nil)
	require.NoError(t, err)
	broken := make(map[string]bool)
	for _, p := range report.Problems {
		broken[p.Doc] = true
	}
	require.Equal(t, map[string]bool{"rows": true, "log": true}, broken)
}

func TestLargeEntriesAndManyBlocksGoThrough(t *testing.T) {
	o := newOriginal(t)
	big := strings.Repeat("x", 120<<10)
	for i := range 12 {
		o.set("big", string(rune('a'+i)), big)
		o.append(true)
	}
	data := backupOf(t, o.store)
	into := store.NewMemory()
	counts, err := RestoreBackup(t.Context(), bytes.NewReader(data), into, nil)
	require.NoError(t, err)
	require.Greater(t, counts.Blocks, uint64(3))
	require.Equal(t, append(keys(t, o.store), nil), append(keys(t, into), nil))
	// A block in another's place has the right checksum of its bytes.
	first := len(backupMagic) + 2
	length := blockHead + int(binary.BigEndian.Uint32(data[first+1:]))
	again := append(bytes.Clone(data[:first+length]), data[first:]...)
	_, err = VerifyBackup(t.Context(), bytes.NewReader(again), nil)
	require.ErrorIs(t, err, ErrBackup)
}

func TestAnAnnouncedLengthTakesNoMemory(t *testing.T) {
	data := []byte("joinery backup 1\nB\x3f\xff\xff\xff\x00\x00\x00\x00short")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := VerifyBackup(t.Context(), bytes.NewReader(data), nil)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, ErrBackup)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestALongOperationTellsAndCanBeEnded(t *testing.T) {
	o := newOriginal(t)
	data := backupOf(t, o.store)
	told := 0
	tell := func(Progress) { told++ }
	_, err := Verify(t.Context(), o.store, tell)
	require.NoError(t, err)
	require.Greater(t, told, 5, "for each document")
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = Verify(ended, o.store, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = Backup(ended, io.Discard, o.store, nil)
	require.ErrorIs(t, err, context.Canceled)
	into := store.NewMemory()
	_, err = RestoreBackup(ended, bytes.NewReader(data), into, tell)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = Open(into, Config{})
	require.Error(t, err)
}

func TestAFailingDiskOrPipeIsReported(t *testing.T) {
	o := newOriginal(t)
	data := backupOf(t, o.store)
	into := store.NewMemory()
	into.FailNext(store.OpSync, errors.New("disk"))
	_, err := RestoreBackup(t.Context(), bytes.NewReader(data), into, nil)
	require.ErrorIs(t, err, store.ErrFailed)
	_, err = Backup(t.Context(), shortWriter(100), o.store, nil)
	require.ErrorIs(t, err, io.ErrShortWrite)
}

// shortWriter takes so many bytes and then fails.
type shortWriter int

func (w shortWriter) Write(b []byte) (int, error) {
	if len(b) > int(w) {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// forge returns a stream of these entries whose checksums are right.
func forge(entries []byte) []byte {
	var e end
	out := []byte("joinery backup 1\n")
	if len(entries) > 0 {
		sum := blockSum(0, entries)
		e.link(sum)
		out = binary.BigEndian.AppendUint32(append(out, partBlock), uint32(len(entries)))
		out = append(binary.BigEndian.AppendUint32(out, sum), entries...)
	}
	s := &streamReader{r: bytes.NewReader(nil)}
	_ = s.entries(entries, func(*store.Entry) error { return nil })
	e.entries, e.bytes = s.seen.entries, s.seen.bytes
	return e.append(append(out, partEnd))
}

func TestForgedStreamsAreRefusedToo(t *testing.T) {
	whole := backupOf(t, newOriginal(t).store)
	whole = whole[len(backupMagic)+2+blockHead : len(whole)-endSize-1]
	_, err := VerifyBackup(t.Context(), bytes.NewReader(forge(whole)), nil)
	require.NoError(t, err)
	for _, more := range []string{"\x01\x00A", "\x01\x00\xff\x01\x00\xff"} {
		_, err := VerifyBackup(t.Context(), bytes.NewReader(forge(append(bytes.Clone(whole), more...))), nil)
		require.ErrorIs(t, err, ErrBackup, "keys that do not ascend")
	}
	for _, entries := range []string{"", "\x00", "\x01\x00", "\x01\x00b\x01\x00a", "\x01\x00a\x01\x00a", "\x01\x7fab", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\x05Mjunk!", "\x02\x00NN"} {
		_, err := VerifyBackup(t.Context(), bytes.NewReader(forge([]byte(entries))), nil)
		require.ErrorIs(t, err, ErrBackup, "%q", entries)
	}
	require.EqualValues(t, 0xe3069283, crc32.Checksum([]byte("123456789"), castagnoli), "CRC-32C")
}
