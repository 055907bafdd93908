package joinery_test

import (
	"go/ast"
	godoc "go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachExportedTypeIsInAnExample looks at the packages that programs import:
// whoever reads the documentation of a type finds code that runs and uses it.
func TestEachExportedTypeIsInAnExample(t *testing.T) {
	for _, pkg := range []string{".", "crdt", "orset", "lwwmap", "delta"} {
		used := map[string]bool{}
		for _, f := range parse(t, pkg, true) {
			for _, e := range godoc.Examples(f) {
				ast.Inspect(e.Code, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						used[id.Name], used[strings.TrimPrefix(id.Name, "New")] = true, true
					}
					return true
				})
				name, _, _ := strings.Cut(e.Name, "_")
				used[name] = used[name] || e.Output != ""
			}
		}
		for _, f := range parse(t, pkg, false) {
			for _, name := range types(f) {
				if !used[name] {
					t.Errorf("package %s: %s is in no Example", pkg, name)
				}
			}
		}
	}
}

// parse reads the tests of a package, or what is not tests.
func parse(t *testing.T, pkg string, tests bool) (out []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		out = append(out, f)
	}
	return out
}

func types(f *ast.File) (out []string) {
	for _, decl := range f.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
				out = append(out, s.Name.Name)
			}
		}
	}
	return out
}

var testName = regexp.MustCompile("`((?:Test|Example|Fuzz)[A-Za-z0-9_]+)`")

// TestTheTestsThatDocsNameAreThere is for pages that say what shows a promise.
func TestTheTestsThatDocsNameAreThere(t *testing.T) {
	all := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(name string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				all[d.Name.Name] = true
			}
		}
		return err
	}))
	named := 0
	for _, name := range []string{"docs/features.md", "docs/clocks.md", "docs/errors.md"} {
		for _, m := range testName.FindAllStringSubmatch(page(t, name), -1) {
			require.True(t, all[m[1]], "%s names %s, which is not there", name, m[1])
			named++
		}
	}
	require.Greater(t, named, 30)
}
