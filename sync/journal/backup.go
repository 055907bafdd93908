package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/joinery-crdt/joinery/sync/store"
)

// Counts is what is in a backup.
type Counts struct {
	Entries uint64
	Bytes   uint64 // of keys and values
	Blocks  uint64
	// LeftOut is how many entries the store could not read as the backup was
	// made. They are not in it.
	LeftOut uint64
	// Damaged are entries that are not what was written, left out or not. Only the
	// first ones are listed.
	Damaged []Problem
}

// Backup writes all that a replica keeps. r is a snapshot of its store, or the
// store if the replica is not running: then, and only then, is it all of one moment.
//
// Damage does not end it. Entries that can be read are copied as they are; Counts
// says what was found. It takes the memory of the largest entry.
func Backup(ctx context.Context, w io.Writer, r store.Reader, progress func(Progress)) (Counts, error) {
	m, err := readMeta(r)
	if err == nil && m == nil {
		err = errors.New("journal: the store is empty, there is nothing to back up")
	}
	if err != nil {
		return Counts{}, err
	}
	b := &backupWriter{w: w, meter: meter{ctx: ctx, tell: progress}}
	if err := b.run(r); err != nil {
		return b.counts, fmt.Errorf("journal: the backup is not whole: %w", err)
	}
	return b.counts, b.meter.report()
}

type backupWriter struct {
	w      io.Writer
	meter  meter
	counts Counts
	end    end
	block  []byte
}

func (b *backupWriter) run(r store.Reader) error {
	if _, err := fmt.Fprintf(b.w, "%s%d\n", backupMagic, backupVersion); err != nil {
		return err
	}
	for e, err := range each(r, []byte{0}, nil) {
		switch {
		case err == nil:
			err = b.add(&e)
		case len(e.Key) > 0:
			b.end.leftOut++
			b.counts.note(&e, err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	b.counts.Entries, b.counts.Bytes, b.counts.Blocks, b.counts.LeftOut = b.end.entries, b.end.bytes, b.end.blocks, b.end.leftOut
	_, err := b.w.Write(b.end.append([]byte{partEnd}))
	return err
}

func (b *backupWriter) add(e *store.Entry) error {
	b.counts.note(e, checkSum(e))
	if len(b.block) == 0 {
		b.block = append(b.block, make([]byte, blockHead)...)
	}
	b.block = binary.AppendUvarint(b.block, uint64(len(e.Key)))
	b.block = binary.AppendUvarint(b.block, uint64(len(e.Value)))
	b.block = append(append(b.block, e.Key...), e.Value...)
	b.end.entries++
	b.end.bytes += uint64(len(e.Key) + len(e.Value))
	if err := b.meter.add(e); err != nil {
		return err
	}
	if len(b.block) < blockSize {
		return nil
	}
	return b.flush()
}

// flush writes the block that was being filled.
func (b *backupWriter) flush() error {
	if len(b.block) == 0 {
		return nil
	}
	content := b.block[blockHead:]
	sum := blockSum(b.end.blocks, content)
	b.end.link(sum)
	b.block[0] = partBlock
	binary.BigEndian.PutUint32(b.block[1:], uint32(len(content)))
	binary.BigEndian.PutUint32(b.block[5:], sum)
	_, err := b.w.Write(b.block)
	b.block = b.block[:0]
	return err
}

// note lists an entry if it is damaged.
func (c *Counts) note(e *store.Entry, err error) {
	if err != nil && len(c.Damaged) < maxProblems {
		c.Damaged = append(c.Damaged, Problem{Key: bytes.Clone(e.Key), Err: err})
	}
}

// checkSum checks an entry by itself. One of an unknown kind passes.
func checkSum(e *store.Entry) error {
	var err error
	switch e.Key[0] {
	case kindRecord:
		_, _, err = parseRecord(e.Key, e.Value)
	case kindMeta, kindClock, kindName, kindHead, kindRow, kindAside:
		_, err = open(e.Key, e.Value)
	}
	return err
}
