package main

import "fmt"

// absentError means that nobody was there to answer.
type absentError struct {
	what, advice string
	err          error
}

func (e *absentError) Error() string { return fmt.Sprintf("%s: %v\n%s", e.what, e.err, e.advice) }
func (e *absentError) Unwrap() error { return e.err }
