// Command packages turns a Debian package index into records for "joinery
// import": real data, tens of thousands of documents, that every Debian or
// Ubuntu system has at hand.
//
//	apt-cache dumpavail | go run ./examples/packages > packages.jsonl
//
// Each stanza becomes a document named pkg.NAME.VERSION.ARCHITECTURE. Dots in the
// three separate tokens like the others, and "joinery watch 'pkg.bash.>'" follows
// one package. Its fields are
//
//	Installed-Size, Size                         numbers
//	Depends, Pre-Depends, Recommends, ...,Tag    sets
//	MD5sum, SHA1, SHA256                         a map "hash"
//	everything else                              text
//
// # The whole story
//
// Two replicas, one import, two exports that are the same bytes:
//
//	go build -o joinery ./clients/joinery
//	apt-cache dumpavail | go run ./examples/packages > packages.jsonl
//	./joinery serve --listen 127.0.0.1:4222 --id 11111111-1111-4111-8111-111111111111 &
//	./joinery serve --nats nats://127.0.0.1:4222 --id 22222222-2222-4222-8222-222222222222 &
//	./joinery import packages.jsonl --replica 11111111-1111-4111-8111-111111111111
//	./joinery export --replica 11111111-1111-4111-8111-111111111111 > one.jsonl
//	./joinery export --replica 22222222-2222-4222-8222-222222222222 > two.jsonl
//	cmp one.jsonl two.jsonl && wc -l one.jsonl
//	./joinery status --all
//
// "apt-get update" fetches the index where apt-cache has none.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func main() {
	if err := convert(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// maxLine bounds a line of the index in bytes.
const maxLine = 1 << 20

// convert reads stanzas, separated by empty lines, and writes a record for each.
func convert(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	var s stanza
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			s.add(line)
			continue
		}
		if err := s.write(enc); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), s.write(enc), w.Flush())
}

// stanza is one package: its fields in the order of the index.
type stanza struct {
	names, values []string
}

// add takes a line: "Name: value", or one that goes on where the last ended.
func (s *stanza) add(line string) {
	if line[0] == ' ' || line[0] == '\t' {
		if n := len(s.values); n > 0 {
			s.values[n-1] += "\n" + line[1:]
		}
		return
	}
	name, value, _ := strings.Cut(line, ":")
	s.names = append(s.names, name)
	s.values = append(s.values, strings.TrimSpace(value))
}

func (s *stanza) get(name string) string {
	for i := range s.names {
		if s.names[i] == name {
			return s.values[i]
		}
	}
	return ""
}

// record is a line of joinery import.
type record struct {
	Doc    string         `json:"doc"`
	Fields map[string]any `json:"fields"`
}

// write writes the stanza, if there is one, and empties it.
func (s *stanza) write(enc *json.Encoder) error {
	if s.get("Package") == "" {
		*s = stanza{}
		return nil
	}
	r := record{Doc: s.doc(), Fields: make(map[string]any)}
	hashes := make(map[string]any)
	for i, name := range s.names {
		switch value := s.values[i]; name {
		case "MD5sum", "SHA1", "SHA256":
			hashes[name] = value
		case "Size", "Installed-Size":
			r.Fields[name] = number(value)
		case "Depends", "Pre-Depends", "Recommends", "Suggests", "Breaks", "Conflicts", "Replaces", "Provides", "Enhances", "Tag":
			r.Fields[name] = map[string]any{"$set": list(value)}
		default:
			r.Fields[name] = value
		}
	}
	if len(hashes) > 0 {
		r.Fields["hash"] = hashes
	}
	*s = stanza{}
	return enc.Encode(r)
}

// doc names the document. A name has no empty tokens, so doubled dots become one.
func (s *stanza) doc() string {
	name := strings.Join([]string{"pkg", s.get("Package"), s.get("Version"), s.get("Architecture")}, ".")
	for strings.Contains(name, "..") {
		name = strings.ReplaceAll(name, "..", ".")
	}
	return strings.Trim(name, ".")
}

func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

// list splits what commas separate; a set has no order and nothing twice.
func list(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.Join(strings.Fields(parts[i]), " ")
	}
	return parts
}
