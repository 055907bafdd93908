package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Verdict is what became of a mutant.
type Verdict string

// The verdicts. All but Caught are failures of the run.
const (
	Caught   Verdict = "caught"
	Survived Verdict = "SURVIVED" // a catcher passes
	Broken   Verdict = "BROKEN"   // it does not compile
	Stale    Verdict = "STALE"    // what it replaces is not in the code
)

// Result is the outcome of one mutant.
type Result struct {
	Mutant  string  `json:"mutant"`
	Package string  `json:"package"`
	By      string  `json:"by"` // the tests that are to catch it
	Verdict Verdict `json:"verdict"`
	Seconds float64 `json:"seconds"`

	output string
}

// patience is how long one run of a catcher may take.
const patience = "60s"

// lab runs tests over changed files.
type lab struct {
	root string // of the module
	dir  string // for the changed files
}

func newLab() (*lab, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	return &lab{root, dir}, err
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if mod := strings.TrimSpace(string(out)); err == nil && filepath.Base(mod) == "go.mod" {
		return filepath.Dir(mod), nil
	}
	return "", errors.New("run it within the module")
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// baseline demands that every catcher exists and passes without a mutant.
func (l *lab) baseline(ctx context.Context, all []mutant) error {
	tests := map[string][]string{}
	for i := range all {
		for _, c := range all[i].catchers() {
			tests[c.pkg] = append(tests[c.pkg], c.tests...)
		}
	}
	for pkg, names := range tests {
		slices.Sort(names)
		names = slices.Compact(names)
		out, err := l.test(ctx, catcher{pkg, names}, "-v")
		if err != nil {
			return fmt.Errorf("the catchers in %s do not pass without a mutant: %w\n%s", pkg, err, out)
		}
		for _, name := range names {
			if !strings.Contains(out, "=== RUN   "+name+"\n") {
				return fmt.Errorf("there is no %s in %s", name, pkg)
			}
		}
	}
	return nil
}

// test runs tests and returns what they printed.
func (l *lab) test(ctx context.Context, c catcher, flags ...string) (string, error) {
	names := "-run=^(" + strings.Join(c.tests, "|") + ")$"
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=" + patience, names}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+c.pkg)...)
	cmd.Dir = l.root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// try tries mutants, some at once, and yields the results in order.
func (l *lab) try(ctx context.Context, all []mutant, workers int) func(yield func(Result) bool) {
	results := make([]chan Result, len(all))
	next := make(chan int, len(all))
	for i := range all {
		results[i] = make(chan Result, 1)
		next <- i
	}
	close(next)
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for range max(workers, 1) {
		group.Go(func() {
			for i := range next {
				results[i] <- l.tryOne(ctx, i, &all[i])
			}
		})
	}
	return func(yield func(Result) bool) {
		defer group.Wait()
		defer cancel()
		for _, r := range results {
			if !yield(<-r) {
				return
			}
		}
	}
}

func (l *lab) tryOne(ctx context.Context, i int, m *mutant) Result {
	start := time.Now()
	r := Result{Mutant: m.name, Package: m.in, By: m.by, Verdict: Caught}
	overlay, err := l.overlay(i, m)
	if err != nil {
		r.Verdict, r.output = Stale, err.Error()
		return r
	}
	for _, c := range m.catchers() {
		out, err := l.test(ctx, c, "-overlay="+overlay)
		r.output += out
		if r.Verdict = judge(c, out, err); r.Verdict != Caught {
			break
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}

// overlay writes the changed file, and the file that tells the go command to
// take it in place of the real one.
func (l *lab) overlay(i int, m *mutant) (string, error) {
	file, content, err := m.apply(l.root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(l.dir, fmt.Sprint(i, ".go"))
	list, err := json.Marshal(map[string]any{
		"Replace": map[string]string{file: changed},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(l.dir, fmt.Sprint(i, ".json"))
	return path, errors.Join(os.WriteFile(changed, content, 0o600), os.WriteFile(path, list, 0o600))
}

// judge reads the verdict from the run of a catcher: all its tests have to fail.
func judge(c catcher, out string, err error) Verdict {
	missing := slices.ContainsFunc(c.tests, func(test string) bool { return !strings.Contains(out, "--- FAIL: "+test+" (") })
	switch {
	case err == nil:
		return Survived
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return Broken
	case missing && !strings.Contains(out, "panic: test timed out"):
		return Survived
	}
	return Caught
}
