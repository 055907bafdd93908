package main

import (
	"io"
	"os"
)

// isTerminal reports whether a reader or writer is one, and wants colour and
// progress lines.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// hasColour reports whether to write colour to out; see https://no-color.org.
func hasColour(out io.Writer) bool { return isTerminal(out) && os.Getenv("NO_COLOR") == "" }
