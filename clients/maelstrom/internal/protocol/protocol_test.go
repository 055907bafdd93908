package protocol_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

func TestMessagesAreMaelstromsLines(t *testing.T) {
	var out bytes.Buffer
	zero := int64(0)
	m := protocol.Message{Src: "c1", Dest: "n1", Body: protocol.Body{Type: protocol.Add, MsgID: 7, Element: &zero}}
	require.NoError(t, protocol.Write(&out, &m))
	require.Equal(t, `{"src":"c1","dest":"n1","body":{"type":"add","msg_id":7,"element":0}}`+"\n", out.String())
	require.NoError(t, protocol.Each(&out, func(got *protocol.Message) error {
		require.Equal(t, m, *got)
		return nil
	}))
}

func TestLinesThatAreNoMessagesEndTheStream(t *testing.T) {
	err := protocol.Each(strings.NewReader("{}\nhello\n{}\n"), func(*protocol.Message) error { return nil })
	require.ErrorIs(t, err, protocol.ErrMessage)
}
