package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
)

// place is where a line of an import came from.
type place struct {
	file string
	line int // from 1
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// readLines yields the lines of a file with their numbers, without the empty
// ones. One longer than limit comes as nil: it was read and left out. The
// bytes are good until the next.
func readLines(r io.Reader, limit int) iter.Seq2[int, lineOrError] {
	in := bufio.NewReaderSize(r, 64<<10)
	return func(yield func(int, lineOrError) bool) {
		var line []byte
		for n := 1; ; n++ {
			var err error
			line, err = readLine(in, line[:0], limit)
			tooLong := len(line) > limit
			text := bytes.TrimSpace(line)
			switch {
			case tooLong:
				text = nil
			case len(text) == 0 && err == nil:
				continue
			}
			if (err == nil || len(line) > 0) && (tooLong || len(text) > 0) && !yield(n, lineOrError{text, nil}) {
				return
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(n, lineOrError{nil, err})
				return
			}
		}
	}
}

// lineOrError is a line, or why there are no more.
type lineOrError struct {
	text []byte // nil without an error: too long
	err  error
}

// readLine appends a line to dst; of one above the limit just enough to tell.
func readLine(in *bufio.Reader, dst []byte, limit int) ([]byte, error) {
	for {
		some, err := in.ReadSlice('\n')
		if room := limit + 1 - len(dst); room > 0 {
			dst = append(dst, some[:min(room, len(some))]...)
		}
		if err != bufio.ErrBufferFull {
			return dst, err
		}
	}
}
