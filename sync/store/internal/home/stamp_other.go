//go:build !linux && !openbsd && !dragonfly && !solaris && !darwin && !freebsd && !netbsd && !windows

package home

import "io/fs"

// Stamp returns what changes when a file is copied or restored: here no more than
// the time of its last change, which some copying tools set.
func Stamp(info fs.FileInfo) string { return info.ModTime().String() }
