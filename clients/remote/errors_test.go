package remote_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageOfErrorsHasThoseOfThisPackage(t *testing.T) {
	page, err := os.ReadFile("../../docs/errors.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(page), "\n## Thin clients\n")
	require.True(t, ok)
	for _, file := range []string{"ask.go", "write.go", "stream.go", "handles.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Err") {
				require.Contains(t, section, "`"+v.Names[0].Name+"`")
			}
			return true
		})
	}
}
