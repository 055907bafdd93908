// Command conformance runs cases of replicated data types against this engine.
//
//	go run ./clients/conformance [-via memory|wire|restart] [-hostile FILE] [FILE...]
//
// A FILE holds one case a line, in the format that testdata/README.md
// describes; it knows nothing of this engine, so that others can be held to
// the same cases. -hostile feeds the byte inputs of a file to every function
// that decodes bytes from strangers.
//
// The last line is "N passed, N failed". The exit status is 0 if nothing
// failed, 1 if anything did, 2 if the command could not be understood.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// tally counts and reports results.
type tally struct {
	out            io.Writer
	passed, failed int
}

func (t *tally) result(name string, err error) {
	if err == nil {
		t.passed++
		return
	}
	t.failed++
	fmt.Fprintf(t.out, "FAIL %s: %v\n", name, err)
}

func command(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(errs)
	via := flags.String("via", string(Memory), "run cases via `memory`, wire or restart")
	hostile := flags.String("hostile", "", "feed the byte inputs of `FILE` to every decoder")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	known := Via(*via) == Memory || Via(*via) == Wire || Via(*via) == Restart
	if !known || *hostile == "" && flags.NArg() == 0 {
		fmt.Fprintln(errs, "usage: conformance [-via memory|wire|restart] [-hostile FILE] [FILE...]")
		return 2
	}
	t := &tally{out: out}
	for _, name := range flags.Args() {
		if err := runFile(name, Via(*via), t); err != nil {
			t.result(name, err)
		}
	}
	if *hostile != "" {
		if err := runHostile(*hostile, t); err != nil {
			t.result(*hostile, err)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return 1
	}
	return 0
}

func runFile(name string, via Via, t *tally) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return ReadCases(f, func(c Case, err error) {
		if err == nil {
			err = guarded(func() error { return Run(&c, via) })
		}
		t.result(c.ID, err)
	})
}

// guarded turns a panic into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do()
}
