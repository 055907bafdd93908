// Package protocol is what the harness and its node processes say to each
// other: Maelstrom's messages, one JSON object a line on standard input and
// output.
//
//	{"src":"c0","dest":"n1","body":{"type":"add","msg_id":7,"element":42}}
//	{"src":"n1","dest":"c0","body":{"type":"add_ok","msg_id":7,"in_reply_to":7}}
//
// Beyond Maelstrom's there are fields in init, which tell a node of its
// workload and of its links, and the message status.
package protocol

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine bounds a line in bytes.
const MaxLine = 16 << 20

// The types of messages. A reply has the type of its request and "_ok", or is
// an error.
const (
	Init      = "init"
	Add       = "add"
	Broadcast = "broadcast"
	Read      = "read"
	Status    = "status"
	Error     = "error"
)

// Maelstrom's error codes, as far as they are used. All are definite: what was
// asked for did not happen.
const (
	CodeNotSupported     = 10
	CodeMalformedRequest = 12
	CodeAbort            = 14
)

// Message is an envelope.
type Message struct {
	Src  string `json:"src"`
	Dest string `json:"dest"`
	Body Body   `json:"body"`
}

// Body is a request or a reply; each type uses some of the fields.
type Body struct {
	Type      string `json:"type"`
	MsgID     int    `json:"msg_id,omitempty"`
	InReplyTo int    `json:"in_reply_to,omitempty"`

	// Of init. Listen is the address for other servers' routes, empty for any
	// free port; Routes are the addresses to connect to.
	NodeID   string   `json:"node_id,omitempty"`
	NodeIDs  []string `json:"node_ids,omitempty"`
	Workload string   `json:"workload,omitempty"`
	Listen   string   `json:"listen,omitempty"`
	Routes   []string `json:"routes,omitempty"`

	// Of operations.
	Element *int64 `json:"element,omitempty"`
	Message *int64 `json:"message,omitempty"`
	Delta   *int64 `json:"delta,omitempty"`

	// Of replies to read: a number or a list, and the list of a broadcast or
	// ledger.
	Value    json.RawMessage `json:"value,omitempty"`
	Messages []int64         `json:"messages,omitempty"`

	// Of a reply to status.
	Digest    string `json:"digest,omitempty"`    // equal at replicas that hold the same
	Pending   int    `json:"pending,omitempty"`   // documents with writes that were not sent
	Conflicts uint64 `json:"conflicts,omitempty"` // dots that came with two payloads
	Repairs   uint64 `json:"repairs,omitempty"`   // requests for what was missed

	// Of errors.
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
}

// ErrMessage means that a line is not a message.
var ErrMessage = errors.New("protocol: malformed message")

// Write writes a message as one line.
func Write(w io.Writer, m *Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("protocol: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// Each calls fn with every message of a stream until it ends, fails, or fn
// returns an error.
func Each(r io.Reader, fn func(*Message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, MaxLine)
	for lines.Scan() {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("%w: %w", ErrMessage, err)
		}
		if err := fn(&m); err != nil {
			return err
		}
	}
	return lines.Err()
}
