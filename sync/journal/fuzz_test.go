package journal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

func FuzzBackup(f *testing.F) {
	whole := backupOf(f, newOriginal(f).store)
	first := len(backupMagic) + 2
	f.Add(whole, false)
	f.Add(whole[:len(whole)/2], false)
	f.Add(whole[first+blockHead:len(whole)-endSize-1], true)
	f.Add([]byte("joinery backup 99999\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, entries bool) {
		if entries { // with the right checksums around them
			data = forge(data)
		}
		counts, verified := VerifyBackup(t.Context(), bytes.NewReader(data), nil)
		into := store.NewMemory()
		restored, err := RestoreBackup(t.Context(), bytes.NewReader(data), into, nil)
		require.Equal(t, verified == nil, err == nil)
		if err != nil {
			_, err = into.Get(metaKey)
			require.ErrorIs(t, err, store.ErrNotFound)
			return
		}
		require.Equal(t, counts, restored)
		require.Len(t, keys(t, into), int(counts.Entries))
		_, err = Verify(t.Context(), into, nil)
		require.NoError(t, err)
		j, _, err := Open(into, Config{})
		require.NoError(t, err)
		for _, doc := range j.Docs() {
			loadForged(t, j, doc)
		}
	})
}

// Edits of a journal, as FuzzEntries takes them: which entry, how long the new
// value is, 2 bytes, and the value without its checksum.
func appendEdit(dst []byte, entry byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(dst, entry), uint16(len(value))), value...)
}

func FuzzEntries(f *testing.F) {
	o := newOriginal(f)
	values := make([][]byte, len(o.keys))
	for i, key := range o.keys {
		v, err := o.store.Get(key)
		require.NoError(f, err)
		values[i] = v[sumSize:]
		f.Add(appendEdit(nil, byte(i), values[i]))
	}
	f.Add(appendEdit(appendEdit(nil, 0xff, append(bytes.Clone(o.keys[len(o.keys)-1]), values[len(values)-1]...)), 1, values[1]))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := o.store.Copy()
		var b store.Batch
		for len(data) >= 3 {
			n := min(int(binary.BigEndian.Uint16(data[1:])), len(data)-3)
			edit(&b, o.keys, data[0], data[3:3+n])
			data = data[3+n:]
		}
		require.NoError(t, s.Apply(&b, true))
		for num := range numbers(s, kindHead) {
			suit(s, num)
		}
		_, err := Verify(t.Context(), s, nil)
		if j, _, open := Open(s, o.cfg); open == nil {
			require.NoError(t, err)
			for _, doc := range j.Docs() {
				loadForged(t, j, doc)
			}
		}
	})
}

// edit puts a value, with the checksums that it has to have. An entry number that
// is too great means that the key is in front of the value.
func edit(b *store.Batch, keys [][]byte, entry byte, value []byte) {
	var key []byte
	if int(entry) < len(keys) {
		key = keys[entry]
	} else if len(value) > rowKeySize {
		key, value = value[:rowKeySize], value[rowKeySize:]
	} else {
		return
	}
	v := append(make([]byte, sumSize), value...)
	if key[0] != kindRecord || len(value) < 12 {
		put(b, key, v)
		return
	}
	binary.BigEndian.PutUint32(v, sum(key, v[sumSize:recordHead]))
	b.Put(key, mendFrame(v))
}

// mendFrame gives the delta in a record its checksum.
func mendFrame(v []byte) []byte {
	d := v[recordHead:]
	head := map[byte]int{0xc7: 3, 0xc8: 4, 0xc9: 6}[d[0]]
	if head > 0 && len(d) > head+5 {
		rest := append([]byte{d[head-1], d[head]}, d[head+5:]...)
		binary.BigEndian.PutUint32(d[head+1:], sum(nil, rest))
	}
	return v
}

// suit makes a head agree with the rows that there are, so that they load.
func suit(s store.Store, num uint64) {
	l := &Loading{reader: s, doc: &document{num: num}}
	var d crdt.Document
	if l.readHead() != nil || !l.head.inRows() || l.Begin(&d) != nil {
		return
	}
	for e := range each(s, l.from, numbered(kindRow, num+1)) {
		_ = l.take(&e)
	}
	l.head.rows, l.head.print = l.Done, l.print
	var b store.Batch
	put(&b, numbered(kindHead, num), l.head.append(make([]byte, sumSize)))
	_ = s.Apply(&b, false)
}

// loadForged loads a document of which anything may have been forged. It is
// refused, or what comes out is sound.
func loadForged(t *testing.T, j *Journal, doc string) {
	b := &bench{t: t, j: j}
	b.empty()
	err := b.reload(doc)
	if err != nil {
		salvaged, err := j.PutAside(doc, err)
		require.NoError(t, err)
		b.empty()
		for _, rec := range salvaged {
			require.NoError(t, b.r.Load(rec))
		}
		if len(salvaged) == 0 {
			return
		}
	}
	s := b.r.View(doc).State()
	require.False(t, s.IsPartial())
	require.NoError(t, s.Verify())
	var copied kernel.State
	full := b.r.View(doc).AppendState(nil)
	require.NoError(t, full.Merge(&copied))
	require.Equal(t, s.Digest(), copied.Digest())
	require.NoError(t, b.r.Load(replica.Record{Doc: doc, Delta: full}))
}
