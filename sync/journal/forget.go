package journal

import "github.com/joinery-crdt/joinery/sync/store"

// forget adds to a batch what leaves nothing of a document. While a checkpoint
// of it is being written that is left to the checkpoint; should it not get so
// far, the document is there again at the next start, and can be forgotten then.
func (j *Journal) forget(b *store.Batch, d *document) {
	if d == nil {
		return
	}
	d.forgotten = true
	delete(j.docs, d.name)
	if d.fresh || d.pending {
		return
	}
	b.Delete(nameKey(d.name))
	d.erase(b)
}

// erase adds to a batch the deletion of all that is kept under a document's number.
func (d *document) erase(b *store.Batch) {
	b.Delete(numbered(kindHead, d.num))
	b.DeleteRange(recordKey(d.num, 0), recordKey(d.num+1, 0))
	b.DeleteRange(numbered(kindRow, d.num), numbered(kindRow, d.num+1))
}
