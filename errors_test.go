package joinery_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/sync/store"
)

// fate returns what an error says of a write.
func fate(t *testing.T, err error, doc string) joinery.Fate {
	t.Helper()
	var w *joinery.WriteError
	require.ErrorAs(t, err, &w)
	require.Equal(t, doc, w.Doc)
	return w.Fate
}

func TestAWriteWhoseContextHasEndedSaysThatNothingWasWritten(t *testing.T) {
	d := alone(t).Doc("d")
	ctx, cancel := context.WithCancel(background)
	cancel()
	for what, err := range map[string]error{
		"register": d.Register("v").Set(ctx, 1),
		"counter":  d.Counter("v").Inc(ctx, 1),
		"set":      d.Set("v").Add(ctx, 1),
		"map":      d.Map("v").Remove(ctx),
		"update":   d.Update(ctx, func(*joinery.Tx) error { return nil }),
		"delete":   d.Delete(ctx),
		"expire":   d.Expire(ctx, time.Hour),
		"store":    d.Store(ctx, struct{ A int }{1}),
	} {
		require.ErrorIs(t, err, context.Canceled, what)
		require.Equal(t, joinery.NothingWritten, fate(t, err, "d"), what)
		require.EqualError(t, err, `joinery: document "d": nothing was written: context canceled`, what)
	}
	require.False(t, d.Exists())
	require.Equal(t, joinery.NothingWritten, fate(t, d.Copy(ctx, "e"), "e"))
}

func TestAWriteThatWaitsForTheDiskInVainSaysThatItStands(t *testing.T) {
	disk := &slowDisk{Store: store.NewMemory()}
	r := open(t, joinery.Config{Store: disk})
	d := r.Doc("d")
	require.NoError(t, d.Counter("n").Inc(background, 1))
	release := disk.hold()
	ctx, cancel := context.WithTimeout(background, time.Millisecond)
	defer cancel()
	err := d.Counter("n").Inc(ctx, 1)
	batch := r.Batch()
	batch.Update("e", func(tx *joinery.Tx) error { return tx.Counter("n").Inc(background, 1) })
	failed := batch.Commit(ctx)
	release()
	require.ErrorIs(t, err, joinery.ErrUncertain)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, joinery.WriteStands, fate(t, err, "d"))
	require.EqualValues(t, 2, d.Counter("n").Value())
	require.Equal(t, joinery.NothingWritten, fate(t, failed, "e"), "its context had ended before")
}

func TestAWriteThatMeetsAFailingDiskSaysThatItsFateIsUnknown(t *testing.T) {
	disk := &slowDisk{Store: store.NewMemory()}
	r, err := joinery.Open(background, joinery.Config{Space: "test", Store: disk})
	require.NoError(t, err)
	broken := errors.New("no space left")
	disk.err.Store(&broken)
	err = r.Doc("d").Counter("n").Inc(background, 1)
	require.ErrorIs(t, err, joinery.ErrStore)
	require.Equal(t, joinery.FateUnknown, fate(t, err, "d"))
	err = r.Doc("d").Counter("n").Inc(background, 1)
	require.ErrorIs(t, err, joinery.ErrStore)
	require.Equal(t, joinery.NothingWritten, fate(t, err, "d"), "it takes no more")
	require.Error(t, r.Close())
	require.ErrorIs(t, r.Doc("d").Delete(background), joinery.ErrClosed)
}

func TestACopyThatFailsHalfWaySaysSo(t *testing.T) {
	r := alone(t)
	for i := range 10 {
		require.NoError(t, r.Doc("from").Register(fmt.Sprint(i)).Set(background, strings.Repeat("x", 100<<10)))
	}
	ctx := &endsAfter{Context: background, left: 1}
	err := r.Doc("from").Copy(ctx, "to")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, joinery.WrittenInPart, fate(t, err, "to"))
	require.ErrorContains(t, err, "written in part")
	require.True(t, r.Doc("to").Exists())
}

// endsAfter is a context that ends when it was asked so often.
type endsAfter struct {
	context.Context
	left int
}

func (c *endsAfter) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestANilContextIsAMistakeOfTheProgram(t *testing.T) {
	r := alone(t)
	var none context.Context
	for what, call := range map[string]func(){
		"set":    func() { _ = r.Doc("d").Register("v").Set(none, 1) },
		"inc":    func() { _ = r.Doc("d").Counter("v").Inc(none, 1) },
		"update": func() { _ = r.Doc("d").Update(none, func(*joinery.Tx) error { return nil }) },
		"batch":  func() { _ = r.Batch().Commit(none) },
		"watch":  func() { r.Watch(none, "d") },
		"drain":  func() { _ = r.Drain(none) },
		"open":   func() { _, _ = joinery.Open(none, joinery.Config{Space: "s"}) },
		"rebind": func() { _ = r.Rebind(none, nil) },
		"loaded": func() { _ = r.Loaded(none) },
	} {
		require.PanicsWithValue(t, "joinery: nil context; use context.Background()", call, what)
	}
}

// exported is the exported declarations of this package.
type exported struct {
	errors  []string // variables and types
	without []string // functions and methods without a context
}

func declarations(t *testing.T) (out exported) {
	t.Helper()
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	isError := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Err") {
						out.errors = append(out.errors, v.Names[0].Name)
					}
				}
			case *ast.FuncDecl:
				name, receiver := d.Name.Name, receiverOf(d)
				if name == "Error" && receiver != "" {
					isError[receiver] = true
				}
				if ast.IsExported(name) && !takesContext(d) && !slices.Contains([]string{"Error", "Unwrap", "String"}, name) {
					out.without = append(out.without, strings.TrimPrefix(cmp.Or(shownAs[receiver], receiver)+"."+name, "."))
				}
			}
		}
	}
	out.errors = slices.AppendSeq(out.errors, maps.Keys(isError))
	slices.Sort(out.errors)
	slices.Sort(out.without)
	return out
}

// shownAs is where the methods of embedded types are looked for.
var shownAs = map[string]string{"elements": "Set", "field": "Register", "fields": "Doc"}

func receiverOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	name := d.Recv.List[0].Type
	if p, ok := name.(*ast.StarExpr); ok {
		name = p.X
	}
	if id, ok := name.(*ast.Ident); ok {
		return id.Name
	}
	return "generic"
}

func takesContext(d *ast.FuncDecl) bool {
	for _, p := range d.Type.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			return true
		}
	}
	return false
}

// table returns the names in the first column of the tables of a page, and in
// lists that begin with them.
func table(t *testing.T, page, from, to string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	_, part, found := strings.Cut(string(text), from)
	require.True(t, found, "%q is not in %s", from, page)
	part, _, _ = strings.Cut(part, to)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(part, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

func TestDocsListEachError(t *testing.T) {
	require.Equal(t, declarations(t).errors, table(t, "docs/errors.md", "## The errors", "\n## "), "the table is to have each error of this package")
}

func TestDocsListEachCallWithoutAContext(t *testing.T) {
	text, err := os.ReadFile("docs/errors.md")
	require.NoError(t, err)
	_, part, found := strings.Cut(string(text), "## Calls without a context")
	require.True(t, found)
	part, _, _ = strings.Cut(part, "\n## ")
	var names []string
	for _, m := range regexp.MustCompile("`([A-Za-z.]+)`").FindAllStringSubmatch(part, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	require.Equal(t, declarations(t).without, slices.Compact(names), "a call takes a context, or the page says why it needs none")
}
