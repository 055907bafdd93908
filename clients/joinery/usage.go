package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// usageError means that the command line could not be understood.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func misuse(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{cmd.CommandPath(), err}
}

// takes makes a check of the number of arguments a usage error.
func takes(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, unguard(args))
		if err != nil && cmd.HasParent() {
			err = fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())
		}
		return misuse(cmd, err)
	}
}

// negative marks an argument that starts like a flag but is a number.
const negative = "\x00"

// guard keeps negative numbers, which are values, from being read as flags. Those
// that follow a flag with a value are read as its value without that.
func guard(root *cobra.Command, args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' && (i == 0 || !takesNext(root, args[i-1])) {
			out[i] = negative + a
		}
	}
	return out
}

// takesNext says whether an argument is a flag whose value is the next one.
func takesNext(root *cobra.Command, arg string) bool {
	name, ok := strings.CutPrefix(arg, "--")
	if !ok || name == "" {
		return false
	}
	return slices.ContainsFunc(root.Commands(), func(cmd *cobra.Command) bool {
		f := cmd.Flags().Lookup(name)
		return f != nil && f.NoOptDefVal == ""
	})
}

// unguard undoes guard.
func unguard(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.TrimPrefix(a, negative)
	}
	return out
}

// runs makes a cobra handler of fn, which gets the arguments as they were given.
func runs(fn func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error { return fn(cmd, unguard(args)) }
}

// example indents the lines of an example as cobra's help wants it.
func example(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
