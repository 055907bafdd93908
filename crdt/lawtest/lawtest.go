package lawtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// Config sets how much is tried. Zero fields take the defaults.
type Config struct {
	Histories int    // random histories; default 300, or what LAWTEST_HISTORIES says
	Length    int    // steps of the longest; default 60
	Seed      uint64 // of the first; each history has the next. Default 1, or LAWTEST_SEED
}

func (c Config) withDefaults() Config {
	if c.Histories == 0 {
		c.Histories = fromEnv("LAWTEST_HISTORIES", 300)
	}
	if c.Length == 0 {
		c.Length = 60
	}
	if c.Seed == 0 {
		c.Seed = uint64(fromEnv("LAWTEST_SEED", 1))
	}
	return c
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// Run checks the laws on random histories. A failure says its seed and shows a
// shrunk history.
func Run[V Value](t *testing.T, typ Type[V]) {
	t.Helper()
	if err := Check(typ, Config{}); err != nil {
		t.Fatal(err)
	}
}

// Check is Run for those who want the error.
func Check[V Value](typ Type[V], c Config) error {
	c = c.withDefaults()
	for i := range c.Histories {
		seed := c.Seed + uint64(i)
		rng := rand.New(rand.NewPCG(seed, 0))
		replicas := 2 + rng.IntN(3)
		steps := generate(rng, 1+rng.IntN(c.Length))
		if err := run(&typ, replicas, steps); err != nil {
			steps = shrink(steps, func(s []step) bool { return run(&typ, replicas, s) != nil })
			return fmt.Errorf("%s, LAWTEST_SEED=%d, %d replicas: %w", typ.Name, seed, replicas, run(&typ, replicas, steps))
		}
	}
	return nil
}

// shrink takes steps out as long as the history still fails: first halves,
// then ever smaller pieces, down to single steps.
func shrink(steps []step, fails func([]step) bool) []step {
	for size := len(steps); size > 0; {
		smaller := false
		for i := 0; i+size <= len(steps); {
			without := slices.Delete(slices.Clone(steps), i, i+size)
			if fails(without) {
				steps, smaller = without, true
			} else {
				i++
			}
		}
		if !smaller || size > len(steps) {
			size /= 2
		}
	}
	return steps
}
