package record

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	sigil     = "$"
	bytesName = "$bytes:"
)

// Escape returns a field's name as a key of a JSON object.
func Escape(name string) string {
	switch {
	case !utf8.ValidString(name):
		return bytesName + base64.StdEncoding.EncodeToString([]byte(name))
	case strings.HasPrefix(name, sigil):
		return sigil + name
	}
	return name
}

// unescape undoes Escape; ok is false if the key names a form instead.
func unescape(key string) (name string, ok bool, err error) {
	if encoded, found := strings.CutPrefix(key, bytesName); found {
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return "", false, fmt.Errorf("name %q: %w", key, err)
		}
		return string(b), true, nil
	}
	if !strings.HasPrefix(key, sigil) {
		return key, true, nil
	}
	name = key[len(sigil):]
	return name, strings.HasPrefix(name, sigil), nil
}

// form returns the name and content of a typed form such as {"$set":[...]}.
func form(object map[string]any) (name string, content any, ok bool, err error) {
	for key, v := range object {
		_, plain, err := unescape(key)
		if err != nil {
			return "", nil, false, err
		}
		if plain {
			continue
		}
		if len(object) > 1 {
			return "", nil, false, fmt.Errorf("%q stands beside other keys; write %q if it is a name", key, sigil+key)
		}
		return key, v, true, nil
	}
	return "", nil, false, nil
}
