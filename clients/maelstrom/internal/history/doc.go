// Package history is what happened in a run: operations with their times, and
// faults with theirs.
//
// All times are durations since the start of the run, read from one monotonic
// clock in one process, so they can be compared. An operation has an outcome:
// [OK] if it was acknowledged, [Fail] if it certainly did not happen, [Info] if
// nobody can tell.
//
// # Which acknowledgements count
//
// Replicas keep their state in memory: a process that is killed takes along
// what it has not yet sent. An acknowledgement by a process that was killed
// later is therefore a promise only if the process had the time and the links
// to pass the write on. [Timeline.Spread] decides this by one rule: between the
// acknowledgement and its death the process was, without a break, in contact
// with enough others to make a majority together with it, for the length of
// [Limits].Spread. Contact begins [Limits].Recovery after the last disturbance
// of a link or of either of its ends. What fails the rule is indeterminate, and
// so is what a read on such a process claims to have seen.
//
// The rule is sound while at most a minority is killed at once, and while
// everybody had the time to recover before the next are. Package nemesis keeps
// to that.
package history
