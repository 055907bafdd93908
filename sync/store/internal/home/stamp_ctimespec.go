//go:build darwin || freebsd || netbsd

package home

import (
	"fmt"
	"io/fs"
	"syscall"
)

// Stamp returns what changes when a file is copied or restored.
func Stamp(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d/%d/%d.%09d", st.Dev, st.Ino, st.Ctimespec.Sec, st.Ctimespec.Nsec)
}
