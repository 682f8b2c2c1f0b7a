package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// startLimit is how long all control planes together may take to be ready. A
// quiet machine needs seconds; a busy one gets the rest.
const startLimit = 3 * time.Minute

const upUsage = `usage: control-plane up --dir DIR --name NAME [--name NAME ...] [--authentication-config FILE]

Starts for each NAME an etcd, a kube-apiserver and a kube-controller-manager on
free loopback ports, and prints "ready DIR/kubeconfig" once all of them answer
and the aggregated ClusterRoles are filled in. They run until this program gets
SIGINT or SIGTERM, its parent ends, or the pipe on its standard input closes.

  DIR/kubeconfig        a context and an admin user for each NAME, and a user
                        NAME-limited that has no rights yet
  DIR/tokens.json       the same users' bearer tokens
  DIR/NAME/*.log        what each component says

`

// options are what the command line of `up` asked for.
type options struct {
	directory            string
	names                []string
	authenticationConfig string
}

// up starts the control planes, keeps them until told to stop, and returns the
// program's exit code.
func up(arguments []string) int {
	options, err := parseUp(arguments)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "control-plane up: %v\n", err)
		return 2
	}
	ctx, stop := untilToldToStop()
	defer stop()
	if err := options.serve(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "control-plane up: %v\n", err)
		return 1
	}
	return 0
}

func parseUp(arguments []string) (options, error) {
	var chosen options
	flags := flag.NewFlagSet("control-plane up", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), upUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&chosen.directory, "dir", "", "folder for the state, logs and credentials; made if missing")
	flags.StringVar(&chosen.authenticationConfig, "authentication-config", "", "passed to every kube-apiserver, for OIDC issuers")
	flags.Func("name", "a control plane to start; may be repeated", func(name string) error {
		chosen.names = append(chosen.names, name)
		return nil
	})
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	return chosen, chosen.check(flags.Args())
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (o *options) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if o.directory == "" || len(o.names) == 0 {
		return errors.New("--dir and at least one --name are needed; see --help")
	}
	for i, name := range o.names {
		if !validName.MatchString(name) {
			return fmt.Errorf("--name %q: use lower-case letters, digits and dashes", name)
		}
		if strings.HasSuffix(name, limitedSuffix) {
			return fmt.Errorf("--name %q: the ending %q names the users without rights", name, limitedSuffix)
		}
		if slices.Contains(o.names[:i], name) {
			return fmt.Errorf("--name %q is given twice", name)
		}
	}
	var err error
	if o.directory, err = filepath.Abs(o.directory); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	if o.authenticationConfig != "" {
		if o.authenticationConfig, err = filepath.Abs(o.authenticationConfig); err != nil {
			return fmt.Errorf("--authentication-config: %w", err)
		}
	}
	return nil
}

// serve starts every control plane, says that they are ready, and returns when
// ctx ends (no error) or a component does (an error). Nothing it started is
// left running.
func (o *options) serve(ctx context.Context) error {
	if err := os.MkdirAll(o.directory, 0o700); err != nil {
		return err
	}
	planes := make([]*plane, len(o.names))
	for i, name := range o.names {
		made, err := newPlane(o, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		planes[i] = made
		defer made.stop()
	}
	if err := startAll(ctx, planes); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	kubeconfig, err := writeAccess(o.directory, planes)
	if err != nil {
		return err
	}
	fmt.Println("ready", kubeconfig)
	return watch(ctx, planes)
}

// startAll starts the control planes side by side and returns the first error.
func startAll(ctx context.Context, planes []*plane) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	results := make(chan error, len(planes))
	for _, plane := range planes {
		go func() { results <- plane.start(ctx) }()
	}
	var first error
	for range planes {
		if err := <-results; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// watch returns nil when ctx ends, and an error when any component ends first.
func watch(ctx context.Context, planes []*plane) error {
	ended := make(chan error)
	for _, plane := range planes {
		for _, process := range plane.processes {
			go func() {
				<-process.done
				select {
				case ended <- process.failure(plane.name, "ended while in use"):
				case <-ctx.Done():
				}
			}()
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// writeAccess writes the kubeconfig and the tokens of all control planes, and
// returns the kubeconfig's path.
func writeAccess(directory string, planes []*plane) (string, error) {
	kubeconfig := filepath.Join(directory, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, planes...); err != nil {
		return "", err
	}
	tokens := map[string]map[string]string{}
	for _, plane := range planes {
		tokens[plane.name] = map[string]string{"admin": plane.tokens.admin, "limited": plane.tokens.limited}
	}
	text, err := json.MarshalIndent(tokens, "", "  ")
	if err != nil {
		return "", err
	}
	return kubeconfig, os.WriteFile(filepath.Join(directory, "tokens.json"), append(text, '\n'), 0o600)
}

// untilToldToStop returns a context that ends on a signal, when the parent of
// this program ends, or when a pipe on standard input closes: whoever started
// the control planes may be killed without a chance to stop them.
func untilToldToStop() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if input, err := os.Stdin.Stat(); err == nil && input.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(time.Second)
		}
		stop()
	}()
	return ctx, stop
}
