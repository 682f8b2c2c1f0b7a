package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopLimit is how long a component may take to end before it is killed.
const stopLimit = 5 * time.Second

// logLines is how much of a component's log an error carries.
const logLines = 20

// errPortTaken is in the error of a component whose port somebody else took.
var errPortTaken = errors.New("the port is taken")

// process is a running component.
type process struct {
	component string
	log       string
	command   *exec.Cmd
	// done is closed when the component has ended.
	done chan struct{}
}

// startProcess starts this program again as the component, with its output in
// the file log and an environment of nothing: etcd and Kubernetes read
// settings from theirs.
func startProcess(component, log string, arguments []string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	command := exec.Command(program, append([]string{component}, arguments...)...)
	command.Env = []string{}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = childAttributes()
	if err := onStarter(command.Start); err != nil {
		return nil, err
	}
	started := &process{component: component, log: log, command: command, done: make(chan struct{})}
	go func() {
		_ = command.Wait()
		close(started.done)
	}()
	return started, nil
}

// stop asks the component to end, then kills it, and returns when it is gone.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(stopLimit):
	}
	_ = p.command.Process.Kill()
	<-p.done
}

// failure is the error of a component of the named plane that went wrong, with
// the end of its log.
func (p *process) failure(plane, what string) error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		text = []byte(err.Error())
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(lines) > logLines {
		lines = lines[len(lines)-logLines:]
	}
	tail := strings.Join(lines, "\n")
	var cause error
	if strings.Contains(tail, "address already in use") {
		cause = errPortTaken
	}
	return &componentError{plane: plane, component: p.component, what: what, log: p.log, tail: tail, cause: cause}
}

// componentError says which component went wrong and how its log ends.
type componentError struct {
	plane, component, what, log, tail string
	cause                             error
}

func (e *componentError) Error() string {
	return fmt.Sprintf("%s: %s %s; the end of %s:\n%s", e.plane, e.component, e.what, e.log, e.tail)
}

func (e *componentError) Unwrap() error {
	return e.cause
}

// starts are carried out on one thread that lives as long as this program:
// Linux tells a child that its parent died when the *thread* that started it
// ends, and Go ends threads as it sees fit.
var starts = func() chan<- func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
}()

func onStarter(start func() error) error {
	result := make(chan error)
	starts <- func() { result <- start() }
	return <-result
}
