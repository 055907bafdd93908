package joinery

import (
	"fmt"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// limits is what this replica's writes keep to; see Config. What others write is
// bounded by what the format carries.
type limits struct {
	value, name, depth, fields, bytes int
}

func limitsOf(c *Config) limits {
	return limits{value: c.MaxValue, name: c.MaxName, depth: c.MaxDepth, fields: c.MaxFields, bytes: c.MaxDocBytes}
}

func (l *limits) checkValue(encoded string) error {
	if n := len(encoded); n > l.value {
		return fmt.Errorf("%w: value of %d bytes, the limit is %d (Config.MaxValue)", ErrTooLarge, n, l.value)
	}
	return nil
}

// checkName is for names of fields, keys and encoded elements.
func (l *limits) checkName(what, name string) error {
	if n := len(name); n > l.name {
		return fmt.Errorf("%w: %s of %d bytes, the limit is %d (Config.MaxName)", ErrTooLarge, what, n, l.name)
	}
	return nil
}

// place looks at where a field is.
func (l *limits) place(path []kernel.Component, key string) error {
	if n := len(path); n > l.depth {
		return fmt.Errorf("%w: path of %d levels, the limit is %d (Config.MaxDepth)", ErrTooLarge, n, l.depth)
	}
	for i := range path {
		if err := l.checkName("name", path[i].Name); err != nil {
			return err
		}
	}
	return l.checkName("name", key)
}

// document looks at whether a document can take more, and so many new fields.
func (l *limits) document(d *crdt.Document, fresh int) error {
	s := d.State()
	switch {
	case fresh > 0 && s.Dots()+fresh > l.fields:
		return fmt.Errorf("%w: the document has %d fields and would get %d more, the limit is %d (Config.MaxFields)", ErrTooLarge, s.Dots(), fresh, l.fields)
	case s.Bytes() >= l.bytes:
		return fmt.Errorf("%w: the document has %d bytes of names and values, the limit is %d (Config.MaxDocBytes)", ErrTooLarge, s.Bytes(), l.bytes)
	}
	return nil
}
