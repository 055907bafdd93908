package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// maxDepth bounds the nesting of arrays and objects in a value.
const maxDepth = 48

// parseValue turns decoded JSON into a value to be stored.
func parseValue(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("value nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case json.Number:
		return parseNumber(v.String())
	case []any:
		return parseList(v, depth)
	case map[string]any:
		return parseObject(v, depth)
	}
	return v, nil
}

func parseNumber(s string) (any, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("number %.40s is out of range", s)
	}
	return f, nil
}

func parseList(list []any, depth int) ([]any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		var err error
		if out[i], err = parseValue(v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parseObject(object map[string]any, depth int) (any, error) {
	name, content, ok, err := form(object)
	if err != nil {
		return nil, err
	}
	if ok {
		return parseForm(name, content)
	}
	out := make(map[string]any, len(object))
	for key, v := range object {
		name, _, _ := unescape(key) // form has looked at the errors
		if out[name], err = parseValue(v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isValueForm reports whether a form stands for a value, not for a field.
func isValueForm(name string) bool {
	return name == "$bytes" || name == "$time" || name == "$float" || name == "$msgpack"
}

func parseForm(name string, content any) (any, error) {
	text, ok := content.(string)
	if !ok || !isValueForm(name) {
		return nil, fmt.Errorf("%q with a %s is no value", name, describe(content))
	}
	switch name {
	case "$bytes":
		b, err := base64.StdEncoding.DecodeString(text)
		return b, wrap(name, err)
	case "$time":
		t, err := time.Parse(time.RFC3339Nano, text)
		return t, wrap(name, err)
	case "$float":
		f, err := strconv.ParseFloat(text, 64)
		return f, wrap(name, err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	return msgpack.RawMessage(b), wrap(name, err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", what, err)
}

// describe names the JSON type of a decoded value.
func describe(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	}
	return "object"
}

// formatValue is the other direction: a stored value as what encoding/json
// writes canonically.
func formatValue(v any) any {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return packed(v)
		}
	case []byte:
		return map[string]any{"$bytes": base64.StdEncoding.EncodeToString(v)}
	case msgpack.RawMessage:
		return map[string]any{"$msgpack": base64.StdEncoding.EncodeToString(v)}
	case float32:
		return formatValue(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return map[string]any{"$float": strconv.FormatFloat(v, 'g', -1, 64)}
		}
	case time.Time:
		return formatTime(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = formatValue(v[i])
		}
		return out
	case map[string]any:
		return formatObject(v)
	}
	return v
}

func formatObject(v map[string]any) map[string]any {
	out := make(map[string]any, len(v))
	for k := range v {
		out[Escape(k)] = formatValue(v[k])
	}
	return out
}

// formatTime falls back to bytes for the years that RFC 3339 cannot write.
func formatTime(t time.Time) any {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return packed(t)
	}
	return map[string]any{"$time": t.Format(time.RFC3339Nano)}
}

func packed(v any) any {
	b, err := msgpack.Marshal(v)
	if err != nil {
		panic("record: " + err.Error()) // texts and times always encode
	}
	return formatValue(msgpack.RawMessage(b))
}

// sizeOf estimates the bytes of a value, the same way everywhere.
func sizeOf(v any) int {
	n := 8
	switch v := v.(type) {
	case string:
		n += len(v)
	case []byte:
		n += len(v)
	case msgpack.RawMessage:
		n += len(v)
	case []any:
		for i := range v {
			n += sizeOf(v[i])
		}
	case map[string]any:
		for k := range v {
			n += len(k) + sizeOf(v[k])
		}
	}
	return n
}

// AppendJSON appends a value as one line with its newline: keys sorted, no
// characters escaped for HTML. It panics on what encoding/json refuses.
func AppendJSON(dst []byte, v any) []byte {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("record: " + err.Error()) // formatValue leaves only what encodes
	}
	return b.Bytes()
}

// FormatRaw is FormatValue of an encoded value.
func FormatRaw(raw msgpack.RawMessage) string {
	var v any
	if err := msgpack.Unmarshal(raw, &v); err != nil {
		v = raw
	}
	return FormatValue(v)
}

// FormatValue returns one stored value as a line of JSON without its newline.
func FormatValue(v any) string {
	return strings.TrimSuffix(string(AppendJSON(nil, formatValue(v))), "\n")
}

// ParseValue reads a value that is not a field, such as an element of a set.
func ParseValue(text string) (any, error) {
	v, err := decode([]byte(text))
	if err != nil {
		return nil, err
	}
	return parseValue(v, 0)
}
