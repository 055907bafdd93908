package service

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// importLines applies lines in their order, each whole or not at all. It stops at
// the first that is refused, unless told to keep going.
func (s *Server) importLines(req micro.Request) (answer, error) {
	m := importing{server: s, slots: make(chan struct{}, linesAtOnce)}
	keepGoing := req.Headers().Get(protocol.HeaderKeepGoing) != ""
	for line := range bytes.Lines(req.Data()) {
		if m.add(line) != nil && !keepGoing {
			break
		}
	}
	b, err := json.Marshal(m.end())
	return answer{body: b}, err
}

// importing is an import under way. A line is applied while those before it still
// wait for the disk, so that all of them share a few syncs.
type importing struct {
	server  *Server
	slots   chan struct{} // a token for each line that waits
	waiting sync.WaitGroup
	fates   []*error // what became of each line; good after waiting
}

// add applies a line and returns why it was refused, if it was. Whether it gets
// onto the disk shows at the end.
func (m *importing) add(line []byte) error {
	fate := new(error)
	m.fates = append(m.fates, fate)
	rec, err := record.Parse(line)
	if err != nil {
		*fate = err
		return err
	}
	if m.server.storage == nil {
		*fate = rec.Apply(m.server.writing, m.server.replica, func() {})
		return *fate
	}
	m.slots <- struct{}{}
	applied := make(chan error, 1) // the first that is sent counts
	m.waiting.Go(func() {
		defer func() { <-m.slots }()
		*fate = rec.Apply(m.server.writing, m.server.replica, func() { offer(applied, nil) })
		offer(applied, *fate)
	})
	return <-applied
}

func offer(to chan<- error, err error) {
	select {
	case to <- err:
	default:
	}
}

// end waits for the disk and returns what became of the lines.
func (m *importing) end() (out protocol.Imported) {
	m.waiting.Wait()
	for n, fate := range m.fates {
		if *fate == nil {
			out.Applied++
			continue
		}
		out.Refused++
		if len(out.Errors) < maxErrors {
			out.Errors = append(out.Errors, protocol.LineError{Line: n, Error: (*fate).Error()})
		}
	}
	return out
}
