package protocol

import (
	"strings"

	"github.com/joinery-crdt/joinery/sync/message"
)

// The micro service, and how it names things in the headers of messages.
const (
	ServiceName = "joinery"
	Version     = "1.0.0"
	// Anyone stands for the replica in a subject: one of them answers.
	Anyone = "any"

	// HeaderReplica is the id of the replica that gives an answer.
	HeaderReplica = "Joinery-Replica"
	// HeaderCursor names the stream that a chunk is of, and HeaderDone is set
	// on the last one.
	HeaderCursor = "Joinery-Cursor"
	HeaderDone   = "Joinery-Done"
	// HeaderPosition is the position of the document that was read, if the
	// query asked for it.
	HeaderPosition = "Joinery-Position"
	// HeaderError is the kind of an error, see Error.
	HeaderError = "Joinery-Error"
	// HeaderKeepGoing makes import leave out lines that are refused.
	HeaderKeepGoing = "Joinery-Keep-Going"
)

// Subject returns where an operation of a space is asked for, of one replica or
// of Anyone.
func Subject(space, who, op string) string {
	token := strings.ReplaceAll(string(message.AppendToken(nil, space)), ".", "%2E")
	return "joinery-api." + token + "." + who + "." + op
}

var pathEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// JoinPath writes a path as requests have it: names separated by "/", in which
// "~" is "~0" and "/" is "~1".
func JoinPath(path []string) string {
	parts := make([]string, len(path))
	for i := range parts {
		parts[i] = pathEscapes.Replace(path[i])
	}
	return strings.Join(parts, "/")
}

var pathUnescapes = strings.NewReplacer("~1", "/", "~0", "~")

// SplitPath reads what JoinPath writes.
func SplitPath(text string) []string {
	parts := strings.Split(text, "/")
	for i := range parts {
		parts[i] = pathUnescapes.Replace(parts[i])
	}
	return parts
}
