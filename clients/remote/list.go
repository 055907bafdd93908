package remote

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// Docs yields the names of the documents that match a pattern, in byte order, in
// answers of bounded size. If the replica goes away in the middle another one goes
// on. An error is the last that it yields.
func (c *Client) Docs(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		q := protocol.Query{Kind: protocol.Names, Pattern: pattern}
		for ctx.Err() == nil {
			broken := false
			for line, err := range c.FieldLines(ctx, q) {
				if broken = errors.Is(err, ErrBroken); broken {
					break
				}
				if !yield(line.Doc, err) || err != nil {
					return
				}
				q.From = line.Doc
			}
			if !broken {
				return
			}
		}
		yield("", ctx.Err())
	}
}

// Page returns up to limit names of the documents that match a pattern, of those
// after a name, "" for the first page: for back ends that hand out lists page by
// page, and keep nothing in between.
func (c *Client) Page(ctx context.Context, pattern, after string, limit int) (names []string, err error) {
	if limit < 1 {
		return nil, fmt.Errorf("%w: a page of %d names", joinery.ErrConfig, limit)
	}
	q := protocol.Query{Kind: protocol.Names, Pattern: pattern, From: after, Limit: limit}
	for line, err := range c.FieldLines(ctx, q) {
		if err != nil {
			return nil, err
		}
		names = append(names, line.Doc)
	}
	return names, nil
}

// Conflicts yields the places with more than one concurrent value in the documents
// that match a pattern. Settle one with a write Over the contexts of its siblings.
func (c *Client) Conflicts(ctx context.Context, pattern string) iter.Seq2[joinery.Conflict, error] {
	return func(yield func(joinery.Conflict, error) bool) {
		q := protocol.Query{Kind: protocol.Conflicts, Pattern: pattern, Raw: true}
		for line, err := range c.FieldLines(ctx, q) {
			conflict, err := conflictOf(&line, err)
			if !yield(conflict, err) || err != nil {
				return
			}
		}
	}
}

func conflictOf(line *protocol.Field, err error) (c joinery.Conflict, _ error) {
	if err != nil {
		return c, err
	}
	c = joinery.Conflict{Doc: line.Doc, Path: protocol.SplitPath(line.Field), Kind: protocol.ParseKind(line.Kind)}
	for i := range line.Siblings {
		s, err := siblingOf[any](&line.Siblings[i])
		if err != nil {
			return c, err
		}
		c.Siblings = append(c.Siblings, s)
	}
	return c, nil
}
