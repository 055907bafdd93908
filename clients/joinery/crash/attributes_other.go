//go:build !linux

package main

import "syscall"

// attributes of a process: its end follows from that of its input.
func attributes() *syscall.SysProcAttr { return nil }
