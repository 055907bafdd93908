//go:build race

package orset_test

func init() { racing = true }
