package sim

import "time"

// job is something that is due at a time.
type job struct {
	at     time.Duration
	order  uint64 // of pushing; ties are done in this order
	kind   jobKind
	node   int
	from   int
	port   int    // that it comes by
	start  uint64 // of the sender: which of its processes sent it
	doc    string
	scope  string // pattern whose subject it comes on
	data   []byte
	report report // what its sender held durably, with a beacon
	later  bool   // older replicas must refuse it
}

type jobKind uint8

const (
	deliver jobKind = iota
	tick
	act    // node is the index of the action
	synced // a sync of the node's disk ends
)

// queue is a heap of jobs by time.
type queue struct {
	jobs  []job
	count uint64
}

func (q *queue) less(i, j int) bool {
	a, b := &q.jobs[i], &q.jobs[j]
	if a.at != b.at {
		return a.at < b.at
	}
	return a.order < b.order
}

func (q *queue) push(j job) {
	q.count++
	j.order = q.count
	q.jobs = append(q.jobs, j)
	for i := len(q.jobs) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.less(i, up) {
			break
		}
		q.jobs[i], q.jobs[up] = q.jobs[up], q.jobs[i]
		i = up
	}
}

func (q *queue) pop() job {
	top := q.jobs[0]
	last := len(q.jobs) - 1
	q.jobs[0] = q.jobs[last]
	q.jobs[last] = job{}
	q.jobs = q.jobs[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if q.less(c, least) {
				least = c
			}
		}
		if least == i {
			return top
		}
		q.jobs[i], q.jobs[least] = q.jobs[least], q.jobs[i]
		i = least
	}
}
