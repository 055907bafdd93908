package record_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// open returns a replica that keeps to itself.
func open(t testing.TB) *joinery.Replica {
	r, err := joinery.Open(t.Context(), joinery.Config{Space: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func apply(t testing.TB, r *joinery.Replica, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		rec, err := record.Parse([]byte(line))
		require.NoError(t, err, line)
		require.NoError(t, rec.Apply(t.Context(), r, func() {}), line)
	}
}

func export(r *joinery.Replica) string {
	var b []byte
	for name := range r.Docs(">") {
		b = record.Append(b, r.Doc(name))
	}
	return string(b)
}

// canonical are the fields of a record that are written as they were read.
var canonical = map[string]string{
	"scalars":          `{"b":false,"f":1.5,"i":-7,"n":null,"s":"Alice","t":true}`,
	"whole floats":     `{"f":3}`,
	"large integers":   `{"a":9223372036854775807,"b":18446744073709551615,"c":-9223372036854775808}`,
	"large floats":     `{"a":1e+300,"b":5e-324}`,
	"lists":            `{"l":[1,"a",[null,{"x":2}]]}`,
	"maps":             `{"address":{"city":"Oslo","geo":{"lat":59.9}}}`,
	"counter":          `{"c":{"$counter":-3},"z":{"$counter":0}}`,
	"sets":             `{"s":{"$set":[1,"a"]},"w":{"$rwset":[{"k":1},"b"]}}`,
	"flags":            `{"d":{"$dwflag":false},"e":{"$dwflag":true},"f":{"$flag":true}}`,
	"lww map":          `{"m":{"$lwwmap":{"lang":"no","x":{"a":{"$bytes":"/w=="}}}}}`,
	"object value":     `{"o":{"$value":{"any":["thing"]}}}`,
	"bytes":            `{"b":{"$bytes":"/wA="}}`,
	"time":             `{"t":{"$time":"2026-01-02T03:04:05.000000006Z"}}`,
	"no numbers":       `{"l":[{"$float":"+Inf"}],"n":{"$float":"NaN"}}`,
	"foreign value":    `{"x":{"$msgpack":"1AUA"}}`,
	"expiring":         `{"a":{"$until":["2099-01-02T03:04:05.006Z","x"]},"e":{"$until":["2099-01-02T03:04:05Z",{"$flag":true}]},"f":{"$until":["2099-01-02T03:04:05Z",{"$dwflag":true}]},"m":{"$lwwmap":{"k":{"$until":["2099-01-02T03:04:05Z",1]},"l":2}},"o":{"$until":["2099-01-02T03:04:05Z",{"$value":{"a":1}}]},"s":{"$set":[{"$until":["2099-01-02T03:04:05Z",1]},"a",{"$until":["2098-01-02T03:04:05Z","b"]}]}}`,
	"foreign elements": `{"s":{"$set":["a",{"$msgpack":"1AUA"}]}}`,
	"not UTF-8":        `{"$bytes:/w==":1,"x":{"$msgpack":"of8="}}`,
	"sigils":           `{"$$set":1,"o":{"$value":{"$$bytes":2}}}`,
	"several types":    `{"n":{"$all":["x",{"$counter":1},{"$flag":true},{"$dwflag":true},{"$set":[1]},{"$rwset":[2]},{"a":1},{"$lwwmap":{"b":2}}]}}`,
	"html and unicode": `{"<&>":"<&>\u2028\u0001 æ😀"}`,
	"odd names":        `{"":1," ":{"a/b~c":2}}`,
}

func TestCanonicalRecordsAreWrittenAsTheyWereRead(t *testing.T) {
	for name, fields := range canonical {
		t.Run(name, func(t *testing.T) {
			line := `{"doc":"d","fields":` + fields + "}\n"
			r := open(t)
			apply(t, r, line)
			require.Equal(t, line, export(r))
			apply(t, r, line)
			require.Equal(t, line, export(r), "applied twice")
		})
	}
}

func TestValuesOfGoProgramsSurviveExport(t *testing.T) {
	r, again := open(t), open(t)
	d := r.Doc("d")
	for i, v := range []any{
		float32(0.1), math.Inf(-1), time.Unix(1, 2), time.Unix(-1<<40, 0), []byte{}, map[string]any{"$set": 1},
		map[int]int{1: 2}, "\xff", uint8(200), msgpack.RawMessage("\xd4\x05\x00"), map[string]any{"$bytes": "x"},
	} {
		require.NoError(t, d.Register(fmt.Sprint(i)).Set(t.Context(), v))
	}
	apply(t, again, export(r))
	require.Equal(t, export(r), export(again))
	for f := range d.Fields() {
		a, _, err := joinery.Get[msgpack.RawMessage](d.Register(f.Path[0]))
		require.NoError(t, err)
		b, _, err := joinery.Get[msgpack.RawMessage](again.Doc("d").Register(f.Path[0]))
		require.NoError(t, err)
		if _, isTime := f.Value.(time.Time); !isTime && f.Path[0] != "0" { // shorter encodings of the same
			require.Equal(t, a, b, f.Path[0])
		}
	}
}

// broken are lines that must be refused, and a word of the reason.
var broken = map[string]string{
	``:                                  "not JSON",
	`{`:                                 "not JSON",
	`[]`:                                "not JSON",
	`{} {}`:                             "more than one value",
	`{}`:                                "not a record",
	`{"doc":"d"}`:                       "not a record",
	`{"doc":1,"fields":{}}`:             "not JSON",
	`{"doc":"d","fields":{},"x":1}`:     `unknown field "x"`,
	`{"doc":"d","fields":{"$set":[1]}}`: "where fields should",
	`{"doc":"d","fields":{"a":{"$sett":[1]}}}`:                                             `unknown form "$sett"`,
	`{"doc":"d","fields":{"a":{"$set":[1],"b":2}}}`:                                        "beside other keys",
	`{"doc":"d","fields":{"a":{"$set":1}}}`:                                                `field "a": needs a list, not a number`,
	`{"doc":"d","fields":{"a":{"$counter":1.5}}}`:                                          "no whole number",
	`{"doc":"d","fields":{"a":{"$counter":"1"}}}`:                                          "not a string",
	`{"doc":"d","fields":{"a":{"$flag":1}}}`:                                               "true or false",
	`{"doc":"d","fields":{"a":{"$lwwmap":[]}}}`:                                            "an object",
	`{"doc":"d","fields":{"a":{"$lwwmap":{"$set":1}}}}`:                                    "where keys should",
	`{"doc":"d","fields":{"a":{"$all":[{"$all":[]}]}}}`:                                    "inside",
	`{"doc":"d","fields":{"a":{"$bytes":"?"}}}`:                                            "illegal base64",
	`{"doc":"d","fields":{"a":{"$bytes":1}}}`:                                              "is no value",
	`{"doc":"d","fields":{"a":{"$time":"now"}}}`:                                           "$time",
	`{"doc":"d","fields":{"a":[{"$set":[]}]}}`:                                             "is no value",
	`{"doc":"d","fields":{"$bytes:?":1}}`:                                                  "illegal base64",
	`{"doc":"d","fields":{"m":{"n":1e999}}}`:                                               `field "m/n": number 1e999 is out of range`,
	`{"doc":"d","fields":{"a":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}}`: "nested deeper",
}

func TestBrokenLineIsRefusedWithTheReason(t *testing.T) {
	for line, reason := range broken {
		_, err := record.Parse([]byte(line))
		require.ErrorContains(t, err, reason, line)
	}
}

func TestRecordAboveALimitChangesNothing(t *testing.T) {
	r := open(t)
	apply(t, r, `{"doc":"d","fields":{"a":1}}`)
	before := export(r)
	for _, line := range []string{
		`{"doc":"d","fields":{"a":2,"b":"` + strings.Repeat("x", 200<<10) + `"}}`,
		`{"doc":"d","fields":{"a":2,"` + strings.Repeat("k", 5000) + `":1}}`,
		`{"doc":"d","fields":{"a":2,"m":` + strings.Repeat(`{"m":`, 40) + "1" + strings.Repeat("}", 40) + `}}`,
	} {
		rec, err := record.Parse([]byte(line))
		require.NoError(t, err)
		require.ErrorIs(t, rec.Apply(t.Context(), r, func() {}), joinery.ErrTooLarge)
		require.Equal(t, before, export(r))
	}
	rec, err := record.Parse([]byte(`{"doc":"a..b","fields":{"a":2}}`))
	require.NoError(t, err)
	require.ErrorIs(t, rec.Apply(t.Context(), r, func() {}), joinery.ErrName)
}

func TestLargeDocumentBecomesSeveralRecords(t *testing.T) {
	r, again := open(t), open(t)
	require.NoError(t, r.Doc("big").Update(t.Context(), func(tx *joinery.Tx) error {
		for i := range 3000 {
			if err := tx.Set("s").Add(t.Context(), fmt.Sprintf("element %0100d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
	text := export(r)
	require.Greater(t, strings.Count(text, "\n"), 3)
	for line := range strings.Lines(text) {
		require.Less(t, len(line), 2*record.MaxSize)
	}
	apply(t, again, text)
	require.Equal(t, text, export(again))
}

func TestPathsSurviveTheirTextForm(t *testing.T) {
	for _, path := range [][]string{{"a"}, {"a", "b"}, {""}, {"", ""}, {"a/b", "~", "~1"}, {"~0", "/"}} {
		require.Equal(t, path, protocol.SplitPath(protocol.JoinPath(path)))
	}
}

func FuzzRecord(f *testing.F) {
	for _, fields := range canonical {
		f.Add(`{"doc":"d","fields":` + fields + `}`)
	}
	for line := range broken {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		rec, err := record.Parse([]byte(line))
		if err != nil {
			return
		}
		r, again := open(t), open(t)
		if err := rec.Apply(t.Context(), r, func() {}); err != nil {
			require.Empty(t, export(r), "half applied")
			return
		}
		apply(t, again, export(r))
		require.Equal(t, export(r), export(again))
	})
}

func TestADocumentThatExpiresSaysSoInItsRecord(t *testing.T) {
	r := open(t)
	text := `{"doc":"d","fields":{"a":1},"expires":"2099-01-02T03:04:05Z"}` + "\n"
	apply(t, r, text)
	require.Equal(t, text, export(r))
}

func TestExpiryThatMakesNoSenseIsRefused(t *testing.T) {
	for _, fields := range []string{
		`{"a":{"$until":"x"}}`, `{"a":{"$until":["x",1]}}`, `{"a":{"$until":[1,1]}}`, `{"a":{"$until":["1960-01-01T00:00:00Z",1]}}`,
		`{"a":{"$until":["2099-01-02T03:04:05Z",{"$counter":1}]}}`, `{"a":{"$until":["2099-01-02T03:04:05Z",{"b":1}]}}`,
		`{"a":{"$until":["2099-01-02T03:04:05Z",{"$set":[1]}]}}`, `{"a":[{"$until":["2099-01-02T03:04:05Z",1]}]}`,
		`{"a":{"$until":["2099-01-02T03:04:05Z",{"$until":["2099-01-02T03:04:05Z",1]}]}}`,
	} {
		_, err := record.Parse([]byte(`{"doc":"d","fields":` + fields + `}`))
		require.Error(t, err, fields)
	}
	_, err := record.Parse([]byte(`{"doc":"d","fields":{},"expires":"soon"}`))
	require.ErrorContains(t, err, "soon")
}
