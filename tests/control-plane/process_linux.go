package main

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the components, which are
// stopped in order instead, and end them should this program be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
