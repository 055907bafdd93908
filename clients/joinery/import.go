package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// importing is an import under way, and its flags.
type importing struct {
	*options
	docField, prefix string
	keepGoing, quiet bool

	cmd      *cobra.Command
	client   *remote.Client
	progress *progress
	batch    []byte
	places   []place // of the lines in batch
	refused  int
}

func newImport(o *options) *cobra.Command {
	m := &importing{options: o}
	cmd := &cobra.Command{
		Use:   "import [FILE]...",
		Short: "Write the records of JSON Lines",
		Long: `Writes records, one JSON object a line, from files or the standard input:

  {"doc":"user:123","fields":{"name":"Alice","visits":{"$counter":3}}}

Each record is one atomic group: all of it is written or nothing. What a record
does not name stays. A counter is set to the number by an increment, so that
importing twice is harmless. The import stops at the first broken line, with
all lines before it written and nothing of it or after it; --keep-going leaves
broken lines out, names them, and ends with status 1 if there were any.

With --doc-field a line may be any JSON object; the document's name is taken from
that field, objects become maps, and all else registers.

In fields, text, numbers, true, false, null and lists are registers, objects
are maps, and other types have forms of their own:
  {"$counter":3}  {"$set":["a"]}  {"$rwset":["a"]}  {"$flag":true}
  {"$dwflag":true}  {"$lwwmap":{"lang":"no"}}  {"$value":{"any":"object"}}
  {"$all":[...]} for several types under one name; and for values
  {"$bytes":"base64"}  {"$time":"2026-01-02T03:04:05Z"}  {"$float":"NaN"}
A name that begins with "$" is written with one more "$".`,
		Example: example(
			"joinery import users.jsonl",
			"joinery export --space old | joinery import --space new",
			"joinery import --doc-field id --prefix sensor. readings.jsonl"),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if m.prefix != "" && m.docField == "" {
				return misuse(cmd, errors.New("--prefix needs --doc-field"))
			}
			return o.ask(cmd, func(c *remote.Client) error {
				m.cmd, m.client = cmd, c
				return m.run(args)
			})
		}),
	}
	cmd.Flags().StringVar(&m.docField, "doc-field", "", "take any JSON objects; their field `NAME` names the document")
	cmd.Flags().StringVar(&m.prefix, "prefix", "", "`TEXT` before the names that --doc-field finds")
	cmd.Flags().BoolVar(&m.keepGoing, "keep-going", false, "leave out broken lines and go on")
	cmd.Flags().BoolVarP(&m.quiet, "quiet", "q", false, "no progress")
	return cmd
}

func (m *importing) run(files []string) error {
	m.progress = newProgress(m.cmd.ErrOrStderr(), "imported", m.quiet || m.json)
	err := m.readAll(files)
	m.progress.end()
	if err == nil && m.refused > 0 {
		err = fmt.Errorf("left out %s", plural(m.refused, "broken line"))
	}
	return errors.Join(err, m.summary())
}

func (m *importing) summary() error {
	return m.show(m.cmd, struct {
		Replica string  `json:"replica"`
		Applied int     `json:"applied"`
		Refused int     `json:"refused"`
		Bytes   uint64  `json:"bytes"`
		Rate    float64 `json:"records_per_second"`
	}{m.client.Replica(), m.progress.records, m.refused, m.progress.bytes, m.progress.rate()}, "")
}

func (m *importing) readAll(files []string) error {
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := m.readFile(name); err != nil {
			return err
		}
	}
	return m.send()
}

func (m *importing) readFile(name string) error {
	if name == "-" {
		return m.readFrom("stdin", m.cmd.InOrStdin())
	}
	f, err := os.Open(name)
	if err != nil {
		return errors.Join(m.send(), err) // what came before it is written
	}
	defer f.Close()
	return m.readFrom(name, f)
}

func (m *importing) readFrom(name string, in io.Reader) error {
	limit := m.client.MaxImport()
	for n, line := range readLines(in, limit-1) {
		at := place{name, n}
		if line.err != nil {
			return errors.Join(m.send(), fmt.Errorf("%v: %w", at, line.err))
		}
		text, err := m.record(line.text, limit)
		if err != nil {
			err = m.reject(at, err)
		} else {
			err = m.add(at, text, limit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// record returns the line to be sent, with its newline.
func (m *importing) record(line []byte, limit int) ([]byte, error) {
	tooLong := fmt.Errorf("longer than %d bytes, which is what the server's payload limit leaves", limit)
	switch {
	case line == nil:
		return nil, tooLong
	case m.docField == "":
		return append(line, '\n'), nil
	}
	text, err := record.Convert(line, m.docField, m.prefix)
	if err == nil && len(text) > limit {
		err = tooLong
	}
	return text, err
}

// add puts a line into the batch, and sends it if it is full.
func (m *importing) add(at place, line []byte, limit int) error {
	if len(m.batch)+len(line) > limit {
		if err := m.send(); err != nil {
			return err
		}
	}
	m.batch = append(m.batch, line...)
	m.places = append(m.places, at)
	if len(m.batch) < protocol.ChunkSize {
		return nil
	}
	return m.send()
}

// reject is for a line that cannot be sent. What is before it is sent first.
func (m *importing) reject(at place, reason error) error {
	if err := m.send(); err != nil {
		return err
	}
	return m.broken(at, reason.Error())
}

// broken names a line that was left out; it is an error unless the import keeps going.
func (m *importing) broken(at place, reason string) error {
	if !m.keepGoing {
		return fmt.Errorf("%v: %s", at, reason)
	}
	m.refused++
	m.cmd.PrintErrf("%v: %s\n", at, reason)
	return nil
}

// send writes the batch.
func (m *importing) send() error {
	if len(m.batch) == 0 {
		return nil
	}
	got, err := m.client.Import(m.cmd.Context(), m.batch, m.keepGoing)
	if err != nil {
		return fmt.Errorf("%w (%s written; it is safe to import all again)", err, plural(m.progress.records, "record"))
	}
	m.progress.add(got.Applied, len(m.batch))
	for _, e := range got.Errors {
		if err := m.broken(m.places[e.Line], e.Error); err != nil {
			return err
		}
	}
	m.refused += got.Refused - len(got.Errors) // those that the answer does not list
	m.batch, m.places = m.batch[:0], m.places[:0]
	return nil
}
