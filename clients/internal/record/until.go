package record

import (
	"fmt"
	"time"
)

// until is the form of what expires.
const until = "$until"

// ends gives a formatted value its expiry, if there is one.
func ends(at time.Time, v any) any {
	if at.IsZero() {
		return v
	}
	return map[string]any{until: []any{formatMoment(at), v}}
}

func formatMoment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// endOf returns what is inside the form, and when it expires; anything else as it
// is.
func endOf(v any) (inner any, at time.Time, err error) {
	object, _ := v.(map[string]any)
	if name, content, ok, err := form(object); err != nil || !ok || name != until {
		return v, at, err
	} else {
		return parseUntil(content)
	}
}

func parseUntil(content any) (inner any, at time.Time, err error) {
	list, ok := content.([]any)
	if !ok || len(list) != 2 {
		return nil, at, fmt.Errorf("%q needs a list of a time and what ends then", until)
	}
	text, ok := list[0].(string)
	if !ok {
		return nil, at, fmt.Errorf("%q needs a time, not a %s", until, describe(list[0]))
	}
	if at, err = parseMoment(text); err != nil {
		return nil, at, err
	}
	return list[1], at, nil
}

func parseMoment(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Before(time.UnixMilli(1)) {
		return at, fmt.Errorf("%.40q is no time after 1970 such as 2026-01-02T03:04:05Z", text)
	}
	return at, nil
}

// ending reads the form for a register or flag.
func (r *Record) ending(path []string, name string, content any) error {
	inner, at, err := parseUntil(content)
	if err != nil {
		return err
	}
	before := len(r.writes)
	if err := r.field(path, name, inner); err != nil {
		return err
	}
	for i := range r.writes[before:] {
		w := &r.writes[before+i]
		single := w.kind == register || w.kind == flag || w.kind == dwflag
		if !single || len(w.path) != len(path) || !w.expires.IsZero() {
			return fmt.Errorf("%q is for one register or flag, and for elements and entries inside a set or LWW map", until)
		}
		w.expires = at
	}
	return nil
}

// elements reads the content of a set: a write for each moment at which some
// elements expire.
func (r *Record) elements(w write, content any) error {
	list, err := expect[[]any](content, "a list")
	if err != nil {
		return err
	}
	byEnd := map[time.Time]int{}
	if len(list) == 0 {
		r.writes = append(r.writes, w)
	}
	for _, v := range list {
		inner, at, err := endOf(v)
		if err != nil {
			return err
		}
		elem, err := parseValue(inner, 1)
		if err != nil {
			return err
		}
		i, ok := byEnd[at]
		if !ok {
			i = len(r.writes)
			byEnd[at] = i
			w.expires = at
			r.writes = append(r.writes, w)
		}
		r.writes[i].elems = append(r.writes[i].elems, elem)
	}
	return nil
}
