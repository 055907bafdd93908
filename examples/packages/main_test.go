package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const index = `Package: bash
Version: 5.2.15-2
Architecture: amd64
Installed-Size: 7164
Depends: base-files (>= 2.1.12),
 debianutils (>= 5.6-0.1)
Description: GNU Bourne Again SHell
 Bash is an sh-compatible <shell>.
 .
 It has more.
SHA256: 00ff

Version: no package
Size: 1

Package: odd
Version: 1..2.
Size: many
`

func TestStanzasBecomeRecords(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, convert(strings.NewReader(index), &out))
	require.Equal(t, `{"doc":"pkg.bash.5.2.15-2.amd64","fields":{"Architecture":"amd64",`+
		`"Depends":{"$set":["base-files (>= 2.1.12)","debianutils (>= 5.6-0.1)"]},`+
		`"Description":"GNU Bourne Again SHell\nBash is an sh-compatible <shell>.\n.\nIt has more.",`+
		`"Installed-Size":7164,"Package":"bash","Version":"5.2.15-2","hash":{"SHA256":"00ff"}}}
{"doc":"pkg.odd.1.2","fields":{"Package":"odd","Size":"many","Version":"1..2."}}
`, out.String())
}

func TestLineAboveTheLimitIsAnError(t *testing.T) {
	err := convert(strings.NewReader("Package: "+strings.Repeat("x", 2*maxLine)), &bytes.Buffer{})
	require.ErrorContains(t, err, "too long")
}
