package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one wrong implementation: somewhere in a package, which is named
// from the root of the module, old gives way to put.
type mutant struct {
	name string // of the mistake, in a few words
	harm string // what it breaks
	in   string
	old  string // occurs exactly once in the package
	put  string
	by   string // "package: TestX TestY; package: TestZ": each of them must fail
}

// catcher is tests of one package, which is named from the root of the module.
type catcher struct {
	pkg   string
	tests []string
}

func (m *mutant) catchers() (all []catcher) {
	for part := range strings.SplitSeq(m.by, ";") {
		pkg, tests, _ := strings.Cut(part, ":")
		all = append(all, catcher{strings.TrimSpace(pkg), strings.Fields(tests)})
	}
	return all
}

// mutants is all of them, layer by layer from below.
var mutants = concat(contextMutants, clockMutants, kernelMutants, codecMutants, deltaMutants, typeMutants, ladderMutants, replicaMutants, deviceMutants, expiryMutants, collectMutants, remoteMutants, memberMutants)

func concat(lists ...[]mutant) (all []mutant) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// apply returns the file that has the mutant's place, and what is in it once
// the mistake is made.
func (m *mutant) apply(root string) (file string, content []byte, err error) {
	if m.old == m.put {
		return "", nil, fmt.Errorf("%s: nothing is replaced", m.name)
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.in), "*.go"))
	if err != nil {
		return "", nil, err
	}
	found := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return "", nil, err
		}
		if n := strings.Count(string(b), m.old); n > 0 && !strings.HasSuffix(f, "_test.go") {
			found += n
			file, content = f, []byte(strings.Replace(string(b), m.old, m.put, 1))
		}
	}
	if found != 1 {
		return "", nil, fmt.Errorf("%s: the lines to replace occur %d times in %s; adapt the mutant to the code", m.name, found, m.in)
	}
	return file, content, nil
}

// markdown lists mutants as a page.
func markdown(all []mutant) string {
	var b strings.Builder
	b.WriteString(pageHead)
	fmt.Fprintf(&b, "There are %d.\n\n| where | mistake | what it breaks | caught by |\n|---|---|---|---|\n", len(all))
	for i := range all {
		m := &all[i]
		var by []string
		for _, c := range m.catchers() {
			by = append(by, fmt.Sprintf("%s: `%s`", c.pkg, strings.Join(c.tests, "`, `")))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.in, cell(m.name), cell(m.harm), strings.Join(by, "; "))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

const pageHead = `# Wrong implementations, and the tests that catch them

A test that can't fail proves nothing. Each row below is a mistake, many of them made by a real system, that
is put into the code for one run of the tests; each test named must then fail. The run is

    go run ./sync/mutants

and CI makes it on every change. A mutant that survives, or whose lines are not in the code any more, fails
the run. This page is written by ` + "`go run ./sync/mutants -markdown`" + `.

`
