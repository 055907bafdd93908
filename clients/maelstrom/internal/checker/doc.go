// Package checker judges histories, as Maelstrom's checkers and Jepsen's do.
//
//   - [SetFull]: what becomes of each element of a set that only grows. An
//     element is known from the moment at which its add was acknowledged or a
//     read saw it, whichever came first. It is stable if from some moment on all
//     reads see it, and its stable latency is how long after it was known a read
//     was begun that did not see it yet. It is lost if reads begun after it was
//     known miss it at the end; here, other than in Jepsen, one final read on
//     one node is enough.
//   - [Counter]: each final read must be the sum of all acknowledged adds and of
//     some of the indeterminate ones, and all must agree. Earlier reads must lie
//     between the sums of all negative and of all positive adds.
//   - [Ledger]: a set and a counter that are written in one group. Whatever
//     happened to whom, each read's counter is exactly the sum of its set.
//   - [SetSessions], [CounterSessions]: reads of one process go only forward and see that process's
//     own writes. Neither Maelstrom nor Jepsen asks this of these workloads; the
//     engine promises it.
//   - [Availability]: the fraction of operations that succeeded, of those on
//     nodes whose process ran all the while, parted from others or not.
//
// Acknowledgements by processes that were killed too soon are indeterminate;
// package history has the rule. What only such a process has read is not known.
package checker
