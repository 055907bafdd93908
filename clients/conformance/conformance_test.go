package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var vias = []Via{Memory, Wire, Restart}

// files returns the names of the case files.
func files(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.jsonl")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 3)
	return names
}

func TestEveryCasePassesEachWay(t *testing.T) {
	for _, via := range vias {
		t.Run(string(via), func(t *testing.T) {
			var out, errs bytes.Buffer
			code := command(append([]string{"-via", string(via)}, files(t)...), &out, &errs)
			require.Zero(t, code, out.String())
			require.Equal(t, "1101 passed, 0 failed\n", out.String())
			require.Empty(t, errs.String())
		})
	}
}

func TestHostileInputsAreRefusedByEveryDecoder(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, command([]string{"-hostile", "testdata/hostile.json"}, &out, &out), out.String())
	require.Equal(t, fmt.Sprintf("%d passed, 0 failed\n", 12*len(Decoders)), out.String())
}

// one runs a single case given as JSON.
func one(t *testing.T, line string, via Via) error {
	t.Helper()
	var result error
	n := 0
	require.NoError(t, ReadCases(strings.NewReader(strings.ReplaceAll(line, "\n", "")), func(c Case, err error) {
		if n++; err == nil {
			err = guarded(func() error { return Run(&c, via) })
		}
		result = err
	}))
	require.Equal(t, 1, n)
	return result
}

func TestAWrongExpectationFails(t *testing.T) {
	for _, via := range vias {
		wrong, total := 0, 0
		for _, name := range files(t) {
			f, err := os.Open(name)
			require.NoError(t, err)
			require.NoError(t, ReadCases(f, func(c Case, err error) {
				require.NoError(t, err)
				for who := range c.Expect {
					c.Expect[who] = spoil(c.Expect[who])
				}
				if total++; Run(&c, via) != nil {
					wrong++
				}
			}))
			f.Close()
		}
		require.Equal(t, total, wrong, "cases whose expectation was spoiled must fail, via %s", via)
	}
}

// spoil returns an expectation that cannot hold.
func spoil(b json.RawMessage) json.RawMessage {
	switch b[0] {
	case '[':
		return json.RawMessage(`["no such element"]`)
	case '{':
		return json.RawMessage(`{"no such key":1}`)
	case 't':
		return json.RawMessage(`false`)
	case 'f':
		return json.RawMessage(`true`)
	}
	return json.RawMessage(`123456789012345678901234567890`)
}

func TestWhatTheFormatDoesNotHaveIsAFailure(t *testing.T) {
	for name, line := range map[string]string{
		"unknown field":     `{"id":"x","type":"orset","replicas":["a"],"steps":[],"expect":{"a":[]},"colour":1}`,
		"unknown type":      `{"id":"x","type":"sequence","replicas":["a"],"steps":[],"expect":{"a":[]}}`,
		"map of no profile": `{"id":"x","type":"lwwmap","replicas":["a"],"steps":[],"expect":{"a":{}}}`,
		"unknown step":      `{"id":"x","type":"orset","replicas":["a"],"steps":[{"merge":"a"}],"expect":{"a":[]}}`,
		"empty step":        `{"id":"x","type":"orset","replicas":["a"],"steps":[{}],"expect":{"a":[]}}`,
		"two steps in one":  `{"id":"x","type":"orset","replicas":["a"],"steps":[{"sync":"all","restart":"a"}],"expect":{"a":[]}}`,
		"partial sync":      `{"id":"x","type":"orset","replicas":["a"],"steps":[{"sync":"a"}],"expect":{"a":[]}}`,
		"unknown op":        `{"id":"x","type":"gset","replicas":["a"],"steps":[{"replica":"a","op":"remove","args":[1]}],"expect":{"a":[]}}`,
		"missing argument":  `{"id":"x","type":"orset","replicas":["a"],"steps":[{"replica":"a","op":"add"}],"expect":{"a":[]}}`,
		"unknown replica":   `{"id":"x","type":"orset","replicas":["a"],"steps":[{"replica":"b","op":"add","args":[1]}],"expect":{"a":[]}}`,
		"unknown delta":     `{"id":"x","type":"orset","replicas":["a"],"steps":[{"deliver":"delta","delta":"d","to":"a"}],"expect":{"a":[]}}`,
		"unknown snapshot":  `{"id":"x","type":"orset","replicas":["a"],"steps":[{"restore":"a","from_snapshot":"s"}],"expect":{"a":[]}}`,
		"unknown inner op":  `{"id":"x","type":"ormap","replicas":["a"],"steps":[{"replica":"a","op":"update","path":["k"],"vtype":"orset","inner":["pop"]}],"expect":{"a":{}}}`,
		"unknown inner":     `{"id":"x","type":"ormap","replicas":["a"],"steps":[{"replica":"a","op":"update","path":["k"],"vtype":"list","inner":["add",1]}],"expect":{"a":{}}}`,
		"ctx of a set":      `{"id":"x","type":"orset","replicas":["a"],"steps":[{"replica":"a","op":"add","args":[1],"ctx":null}],"expect":{"a":[1]}}`,
		"replica twice":     `{"id":"x","type":"orset","replicas":["a","a"],"steps":[],"expect":{"a":[]}}`,
		"nothing expected":  `{"id":"x","type":"orset","replicas":["a"],"steps":[],"expect":{}}`,
		"no JSON":           `{"id":"x"`,
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, one(t, line, Memory)) })
	}
}

func TestNumbersAreExactAndCanonical(t *testing.T) {
	require.NoError(t, one(t, `{"id":"x","type":"orset","replicas":["a"],"steps":[
		{"replica":"a","op":"add","args":[9007199254740993]},{"replica":"a","op":"add","args":[1e2]},{"replica":"a","op":"add","args":[100.0]},
		{"replica":"a","op":"add","args":[123456789012345678901234567890]}],
		"expect":{"a":[100,9007199254740993,123456789012345678901234567890]}}`, Wire))
	require.Error(t, one(t, `{"id":"x","type":"orset","replicas":["a"],"steps":[{"replica":"a","op":"add","args":[9007199254740993]}],
		"expect":{"a":[9007199254740992]}}`, Wire))
}

func TestUnderTheStarAllReplicasReadTheSameAlternative(t *testing.T) {
	const apart = `{"id":"x","type":"lwwregister","replicas":["a","b"],"steps":[
		{"replica":"a","op":"set","args":["A"]},{"replica":"b","op":"set","args":["B"]}],"expect":{"*":{"oneOf":["A","B"]}}}`
	require.ErrorContains(t, one(t, apart, Memory), "and b reads")
}

func TestAMidwayCounterMayShowWhatArrivedAcrossAGap(t *testing.T) {
	const gap = `{"id":"x","type":"pncounter","replicas":["a","b"],"steps":[
		{"replica":"a","op":"inc","args":[1],"as":"d1"},{"replica":"a","op":"inc","args":[2],"as":"d2"},
		{"deliver":"delta","delta":"d2","to":"b"},{"check":{"b":0}},{"sync":"all"}%s],"expect":{"*":3}}`
	require.NoError(t, one(t, fmt.Sprintf(gap, ""), Memory))
	require.Error(t, one(t, fmt.Sprintf(gap, `,{"check":{"b":0}}`), Memory), "no gap is left at the end")
}

func TestADecoderThatAcceptsHostileBytesIsReported(t *testing.T) {
	bad := Decoder{Name: "bad", Decode: func([]byte) error { return nil }}
	require.ErrorContains(t, bad.survives(nil), "accepted")
	bad.Decode = func([]byte) error { panic("boom") }
	require.ErrorContains(t, bad.survives(nil), "boom")
	bad.Decode = func(b []byte) error { sink = make([]byte, 1<<20); return errFormat }
	require.ErrorContains(t, bad.survives(nil), "scratch")
	bad.Decode = func(b []byte) error { b[0]++; return errFormat }
	require.ErrorContains(t, bad.survives([]byte{1}), "changed")
}

var sink []byte

func TestUsageErrorsHaveAStatusOfTheirOwn(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, 2, command(nil, &out, &out))
	require.Equal(t, 2, command([]string{"-via", "pigeon", "x.jsonl"}, &out, &out))
	out.Reset()
	require.Equal(t, 1, command([]string{"no such file"}, &out, &out))
	require.Contains(t, out.String(), "0 passed, 1 failed\n")
}
