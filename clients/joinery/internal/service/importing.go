package service

import (
	"bytes"
	"encoding/json"

	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/record"
)

// importLines applies lines one after the other, each whole or not at all. It
// stops at the first that is refused, unless told to keep going.
func (s *Server) importLines(req micro.Request) (answer, error) {
	keepGoing := req.Headers().Get(headerKeepGoing) != ""
	var out Imported
	n := 0
	for line := range bytes.Lines(req.Data()) {
		if err := s.importLine(line); err != nil {
			out.Refused++
			if len(out.Errors) < maxErrors {
				out.Errors = append(out.Errors, LineError{n, err.Error()})
			}
			if !keepGoing {
				break
			}
		} else {
			out.Applied++
		}
		n++
	}
	b, err := json.Marshal(out)
	return answer{body: b}, err
}

func (s *Server) importLine(line []byte) error {
	rec, err := record.Parse(line)
	if err != nil {
		return err
	}
	return rec.Apply(s.ctx, s.replica)
}
