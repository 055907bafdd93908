package main

import "syscall"

// attributes puts a process into a group of its own, so that an interrupt at
// the terminal reaches the harness alone, and has the kernel kill it with the
// harness.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
