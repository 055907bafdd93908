package record

import (
	"encoding/json"
	"fmt"
)

// Convert returns a record for a line of JSON of another origin, in which no
// name has a meaning: objects become maps, all else registers. The text or
// number in docField names the document, after prefix; it stays a field too.
func Convert(text []byte, docField, prefix string) ([]byte, error) {
	var object map[string]any
	if err := strict(text, &object, false); err != nil {
		return nil, err
	}
	var name string
	switch v := object[docField].(type) {
	case string:
		name = v
	case json.Number:
		name = v.String()
	case nil:
		return nil, fmt.Errorf("no field %q, which should name the document", docField)
	default:
		return nil, fmt.Errorf("field %q is a %s and cannot name a document", docField, describe(v))
	}
	return AppendJSON(nil, line{Doc: prefix + name, Fields: formatObject(object)}), nil
}
