package home

import (
	"fmt"
	"io/fs"
	"syscall"
)

// Stamp returns what changes when a file is copied or restored.
func Stamp(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Win32FileAttributeData)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d/%d", st.CreationTime.Nanoseconds(), st.LastWriteTime.Nanoseconds())
}
