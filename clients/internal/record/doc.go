// Package record maps documents to lines of JSON and back.
//
// A record is one line, {"doc":"user:123","fields":{...}}. In fields,
//
//	"Alice", 42, true, null, [1,2]     a register
//	{"city":"Oslo"}                    a map of fields
//	{"$counter":3}                     a counter
//	{"$set":["a","b"]}                 an add-wins set
//	{"$rwset":["a","b"]}               a remove-wins set
//	{"$flag":true}                     an enable-wins flag
//	{"$dwflag":false}                  a disable-wins flag
//	{"$lwwmap":{"lang":"no"}}          an LWW map of values
//	{"$value":{"any":["thing"]}}       a register whose value is an object
//	{"$all":[3,{"$counter":1}]}        fields of several types under one name
//
// and where a value stands, what JSON has no words for:
//
//	{"$bytes":"AAH/"}                  bytes, in base64
//	{"$time":"2026-01-02T03:04:05Z"}   a time
//	{"$float":"NaN"}                   NaN, +Inf, -Inf
//	{"$msgpack":"xAE="}                any other msgpack object, in base64
//
// A register, a flag, an element of a set or an entry of an LWW map that expires
// stands in
//
//	{"$until":["2026-01-02T03:04:05Z","Alice"]}
//
// and a document that expires as a whole says so beside its fields, by
// "expires":"2026-01-02T03:04:05Z".
//
// A name that begins with "$" gets another "$" in front; one that is not UTF-8
// is written as "$bytes:" and its base64. Integers of 64 bits stay exact, signed and
// unsigned; all other numbers are 64-bit floats. Where one object names a key
// twice the last one counts.
//
// # Canonical form
//
// [Append] writes documents in a canonical form: the same state gives the
// same bytes, on any replica, and reading what was written and writing it
// again gives the same bytes once more. It writes what a reader sees: of
// siblings the winner, of removals nothing. A document larger than [MaxSize]
// becomes several records with parts of its fields.
//
// # Applying
//
// [Record.Apply] makes one record one atomic group: all of it or nothing. It
// writes what the record names and leaves other fields alone. A counter is
// incremented by what it lacks, so that applying a record twice changes
// nothing the second time.
package record
