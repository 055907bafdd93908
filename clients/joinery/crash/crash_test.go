package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// program is what is to be killed, built once.
var program string

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "joinery-crash-test-")
	if err == nil {
		program, err = build(context.Background(), home)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(home)
		os.Exit(code)
	}))
}

// crash runs the program and returns its report.
func crash(t *testing.T, kills int, args ...string) (r report, status int, errs string) {
	if testing.Short() {
		kills = (kills + 3) / 4
	}
	var out, text bytes.Buffer
	status = command(t.Context(), append([]string{"-json", "-joinery", program, "-kills", strconv.Itoa(kills)}, args...), &out, &text)
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), text.String())
	t.Logf("%v", &r)
	return r, status, text.String()
}

func TestNoAcknowledgedWriteIsLostByKills(t *testing.T) {
	r, status, errs := crash(t, 8)
	require.Zero(t, status, errs)
	require.Positive(t, r.Acknowledged)
	require.Positive(t, r.Changes, "the other replica was not read from")
	require.Len(t, r.Stories, 2, "not all stores were used")
}

func TestNoEventHappensTwiceAtIntervals(t *testing.T) {
	_, status, errs := crash(t, 4, "-durability", "interval")
	require.Zero(t, status, errs)
}

// TestTheModelNoticesWhatIsWrong is why the others mean something.
func TestTheModelNoticesWhatIsWrong(t *testing.T) {
	for name, wrong := range map[string]func(*model, *found){
		"an acknowledged write is lost":    func(m *model, f *found) { delete(f.places, m.someplace(t)) },
		"an older version is back":         func(m *model, f *found) { f.places[m.someplace(t)]-- },
		"something that nobody wrote":      func(_ *model, f *found) { f.places[place{"small.1.0", "new"}] = 1 },
		"a counter lost an increment":      func(_ *model, f *found) { f.count-- },
		"a counter has an increment twice": func(_ *model, f *found) { f.count++ },
		"a later line without an earlier one": func(m *model, f *found) {
			m.batch(2)
			f.places[m.doubt[1].at] = m.doubt[1].to
		},
	} {
		m := newModel(1, 1)
		m.batch(batchLines)
		m.adds = 1
		f := &found{places: make(map[place]version), count: 1}
		for _, w := range m.doubt {
			f.places[w.at] = w.to
		}
		m.answered()
		require.NoError(t, m.judge(f))
		wrong(m, f)
		require.Error(t, m.judge(f), name)
	}
}

// someplace returns some place that has an acknowledged write.
func (m *model) someplace(t *testing.T) place {
	for at := range m.known {
		return at
	}
	t.Fatal("nothing was acknowledged")
	return place{}
}

func TestWhatWasNotAnsweredMayBeThereOrNot(t *testing.T) {
	for there := range batchLines + 1 {
		m := newModel(1, 1)
		m.batch(batchLines)
		f := &found{places: make(map[place]version)}
		for _, w := range m.doubt[:there] {
			f.places[w.at] = w.to
		}
		require.NoError(t, m.judge(f))
		require.Len(t, m.known, there)
		f.places = make(map[place]version)
		if there > 0 {
			require.Error(t, m.judge(f), "what was seen is gone")
		}
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-store", "paper"}, {"-durability", "memory"}, {"-what"}} {
		var out bytes.Buffer
		require.Equal(t, 2, command(t.Context(), args, &out, &out))
		require.NotEmpty(t, out.String())
	}
}
