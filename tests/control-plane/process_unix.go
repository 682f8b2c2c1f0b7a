//go:build unix && !linux

package main

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the components, which are
// stopped in order instead.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
