package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Record is a document's name and writes to its fields, all of them valid.
type Record struct {
	Doc    string
	writes []write

	expires time.Time // the whole document; zero says nothing about it
}

// write is a write to one field.
type write struct {
	path  []string // the maps around it
	name  string
	kind  kind
	value any   // of a register: its value; of a flag: bool; of a counter: int64
	elems []any // of a set: its elements
	key   string

	expires time.Time // zero is never
}

type kind uint8

const (
	register kind = iota
	counter
	flag
	dwflag
	set
	rwset
	entry // key and value of one entry of an LWW map
)

// Parse reads one line. The error says what is wrong with it, without the
// place, which the caller knows.
func Parse(line []byte) (*Record, error) {
	var raw struct {
		Doc    *string        `json:"doc"`
		Fields map[string]any `json:"fields"`

		Expires *string `json:"expires"`
	}
	if err := strict(line, &raw, true); err != nil {
		return nil, err
	}
	if raw.Doc == nil || raw.Fields == nil {
		return nil, errors.New(`not a record: it needs "doc" and "fields" (see --doc-field for other data)`)
	}
	r, err := New(*raw.Doc, raw.Fields)
	if err == nil && raw.Expires != nil {
		r.expires, err = parseMoment(*raw.Expires)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// New returns a record of decoded JSON, numbers as json.Number.
func New(doc string, fields map[string]any) (*Record, error) {
	r := &Record{Doc: doc}
	if err := r.object(nil, fields); err != nil {
		return nil, err
	}
	return r, nil
}

// Field returns a record that writes one field, or with an object all below it.
func Field(doc string, path []string, text string) (*Record, error) {
	v, err := decode([]byte(text))
	if err != nil {
		return nil, err
	}
	r := &Record{Doc: doc}
	last := len(path) - 1
	return r, r.field(path[:last:last], path[last], v)
}

// strict decodes exactly one JSON value, exact numbers included.
func strict(line []byte, into any, known bool) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if known {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not JSON: more than one value in the line")
	}
	return nil
}

func decode(text []byte) (v any, err error) {
	err = strict(text, &v, false)
	return v, err
}

// object reads the fields of a document or map.
func (r *Record) object(path []string, fields map[string]any) error {
	if name, _, ok, err := form(fields); err != nil || ok {
		if err == nil {
			err = fmt.Errorf("%q stands where fields should; write %q if it is a name", name, sigil+name)
		}
		return at(path, err)
	}
	for key, v := range fields {
		name, _, _ := unescape(key) // form has looked at the errors
		if err := r.field(path, name, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) field(path []string, name string, v any) error {
	object, isObject := v.(map[string]any)
	if !isObject {
		return r.cell(path, name, v)
	}
	f, content, ok, err := form(object)
	switch {
	case err != nil:
		return at(append(path, name), err)
	case ok:
		return at(append(path, name), r.typed(path, name, f, content))
	}
	return r.object(append(path[:len(path):len(path)], name), object)
}

// cell writes a register.
func (r *Record) cell(path []string, name string, v any) error {
	value, err := parseValue(v, 0)
	if err != nil {
		return at(append(path, name), err)
	}
	r.writes = append(r.writes, write{path: path, name: name, kind: register, value: value})
	return nil
}

// typed reads a form such as {"$set":[...]}.
func (r *Record) typed(path []string, name, f string, content any) error {
	w := write{path: path, name: name}
	var err error
	switch f {
	case "$value":
		w.kind = register
		w.value, err = parseValue(content, 0)
	case "$bytes", "$time", "$float", "$msgpack":
		w.kind = register
		w.value, err = parseForm(f, content)
	case "$counter":
		w.kind = counter
		w.value, err = parseInt(content)
	case "$flag", "$dwflag":
		w.kind = map[string]kind{"$flag": flag, "$dwflag": dwflag}[f]
		w.value, err = expect[bool](content, "true or false")
	case "$set", "$rwset":
		w.kind = map[string]kind{"$set": set, "$rwset": rwset}[f]
		return r.elements(w, content)
	case until:
		return r.ending(path, name, content)
	case "$lwwmap":
		return r.entries(path, name, content)
	case "$all":
		return r.all(path, name, content)
	default:
		return fmt.Errorf("unknown form %q; write %q if it is a name", f, sigil+f)
	}
	r.writes = append(r.writes, w)
	return err
}

// entries reads an LWW map.
func (r *Record) entries(path []string, name string, content any) error {
	object, err := expect[map[string]any](content, "an object")
	if err != nil {
		return err
	}
	if f, _, ok, err := form(object); err != nil || ok {
		if err == nil {
			err = fmt.Errorf("%q stands where keys should; write %q if it is a key", f, sigil+f)
		}
		return err
	}
	for k, v := range object {
		key, _, _ := unescape(k)
		inner, expires, err := endOf(v)
		if err != nil {
			return at([]string{key}, err)
		}
		value, err := parseValue(inner, 0)
		if err != nil {
			return at([]string{key}, err)
		}
		r.writes = append(r.writes, write{path: path, name: name, kind: entry, key: key, value: value, expires: expires})
	}
	return nil
}

// all reads fields of several types under one name.
func (r *Record) all(path []string, name string, content any) error {
	list, err := expect[[]any](content, "a list")
	if err != nil {
		return err
	}
	for _, v := range list {
		if object, ok := v.(map[string]any); ok {
			if _, nested := object["$all"]; nested {
				return errors.New(`"$all" inside "$all"`)
			}
		}
		if err := r.field(path, name, v); err != nil {
			return err
		}
	}
	return nil
}

func parseInt(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("needs a whole number, not a %s", describe(v))
	}
	i, err := n.Int64()
	if err != nil {
		return 0, fmt.Errorf("%.40s is no whole number of 64 bits", n)
	}
	return i, nil
}

func expect[T any](v any, what string) (T, error) {
	t, ok := v.(T)
	if !ok {
		return t, fmt.Errorf("needs %s, not a %s", what, describe(v))
	}
	return t, nil
}

// at says at which field an error is.
func at(path []string, err error) error {
	if err == nil || len(path) == 0 {
		return err
	}
	return fmt.Errorf("field %q: %w", protocol.JoinPath(path), err)
}
