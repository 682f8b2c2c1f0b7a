package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// portTries is how often a control plane is started anew when a port that was
// free a moment ago is taken by the time a component binds it.
const portTries = 3

// callLimit bounds each single question to a component that is starting.
const callLimit = 5 * time.Second

// plane is one control plane: its folder, its credentials and its processes.
type plane struct {
	name                 string
	directory            string
	authenticationConfig string
	keys                 keys
	tokens               tokens
	apiPort              int
	processes            []*process
}

// newPlane makes the folder and the credentials of a control plane.
func newPlane(options *options, name string) (*plane, error) {
	made := &plane{
		name:                 name,
		directory:            filepath.Join(options.directory, name),
		authenticationConfig: options.authenticationConfig,
		tokens:               newTokens(),
	}
	if err := os.Mkdir(made.directory, 0o700); err != nil {
		return nil, fmt.Errorf("%w: choose a --dir that no control plane has used", err)
	}
	var err error
	if made.keys, err = newKeys(); err != nil {
		return nil, err
	}
	for file, content := range made.keys.files() {
		if err := os.WriteFile(made.path(file), content, 0o600); err != nil {
			return nil, err
		}
	}
	return made, os.WriteFile(made.path(tokenFile), made.tokens.file(), 0o600)
}

// start starts the components in order, each when the one it needs answers.
func (p *plane) start(ctx context.Context) error {
	for try := 1; ; try++ {
		err := p.startOnce(ctx)
		if err == nil || try == portTries || !errors.Is(err, errPortTaken) {
			return err
		}
		p.stop()
		if err := os.RemoveAll(p.path("etcd")); err != nil {
			return err
		}
	}
}

func (p *plane) startOnce(ctx context.Context) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	client, peer := address("https", ports[0]), address("http", ports[1])
	p.apiPort = ports[2]

	etcdHealth, err := p.etcdHealth(client + "/health")
	if err != nil {
		return err
	}
	err = p.launch(ctx, etcdHealth, "etcd",
		"--name", p.name,
		"--data-dir", p.path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", p.name+"="+peer,
		"--client-cert-auth", "--trusted-ca-file", p.path(authorityFile),
		"--cert-file", p.path(serverFile), "--key-file", p.path(serverKeyFile))
	if err != nil {
		return err
	}

	api, err := kubernetes.NewForConfig(p.adminConfig())
	if err != nil {
		return err
	}
	arguments := []string{
		"--etcd-servers", client, "--etcd-cafile", p.path(authorityFile),
		"--etcd-certfile", p.path(clientFile), "--etcd-keyfile", p.path(clientKeyFile),
		"--bind-address", loopback, "--advertise-address", loopback,
		"--secure-port", strconv.Itoa(p.apiPort),
		// Without a network there is no address to publish for this server.
		"--endpoint-reconciler-type", "none",
		"--tls-cert-file", p.path(serverFile), "--tls-private-key-file", p.path(serverKeyFile),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-signing-key-file", p.path(accountKeyFile),
		"--service-account-key-file", p.path(accountKeyFile),
		"--service-cluster-ip-range", "10.0.0.0/24",
		"--authorization-mode", "RBAC",
		"--token-auth-file", p.path(tokenFile),
	}
	if p.authenticationConfig != "" {
		arguments = append(arguments, "--authentication-config", p.authenticationConfig)
	}
	if err := p.launch(ctx, readyz(api), "kube-apiserver", arguments...); err != nil {
		return err
	}

	kubeconfig := p.path("controller-manager.kubeconfig")
	if err := writeControllerKubeconfig(kubeconfig, p); err != nil {
		return err
	}
	err = p.launch(ctx, filled(api), "kube-controller-manager",
		"--kubeconfig", kubeconfig,
		"--controllers", "clusterrole-aggregation,namespace",
		"--leader-elect=false",
		"--secure-port", "0")
	if err != nil {
		return err
	}
	return p.compact(ctx, client)
}

// compact makes etcd at url forget the revisions until now, as every API server
// has it done after some minutes, and leaves word of it where API servers look:
// they keep pages in their own memory until then. A page token of one of those
// revisions has expired soon after.
func (p *plane) compact(ctx context.Context, url string) error {
	client, err := p.etcdClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var now struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := post(ctx, client, url+"/v3/maintenance/status", `{}`, &now); err != nil {
		return err
	}
	err = post(ctx, client, url+"/v3/kv/compaction", fmt.Sprintf(`{"revision":%q}`, now.Header.Revision), &struct{}{})
	if err != nil {
		return err
	}
	// compactRevKey of k8s.io/apiserver/pkg/storage/etcd3/compact.go.
	key := base64.StdEncoding.EncodeToString([]byte("compact_rev_key"))
	value := base64.StdEncoding.EncodeToString([]byte(now.Header.Revision))
	return post(ctx, client, url+"/v3/kv/put", fmt.Sprintf(`{"key":%q,"value":%q}`, key, value), &struct{}{})
}

// post sends JSON and reads the JSON of the answer.
func post(ctx context.Context, client *http.Client, url, body string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answers %s to %s", response.Status, url)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// launch starts a component and waits until ready returns no error. It fails
// when the component ends, or ctx does, before that.
func (p *plane) launch(ctx context.Context, ready func(context.Context) error, component string, arguments ...string) error {
	process, err := startProcess(component, p.path(component+".log"), arguments)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", p.name, component, err)
	}
	p.processes = append(p.processes, process)
	for {
		call, cancel := context.WithTimeout(ctx, callLimit)
		notReady := ready(call)
		cancel()
		select {
		case <-process.done:
			return process.failure(p.name, "ended before it was ready")
		default:
		}
		if notReady == nil {
			return nil
		}
		select {
		case <-process.done:
		case <-ctx.Done():
			return process.failure(p.name, fmt.Sprintf("was not ready in time (%v)", notReady))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the components, the last started first.
func (p *plane) stop() {
	for len(p.processes) > 0 {
		last := len(p.processes) - 1
		p.processes[last].stop()
		p.processes = p.processes[:last]
	}
}

func (p *plane) path(file string) string {
	return filepath.Join(p.directory, file)
}

func (p *plane) adminConfig() *rest.Config {
	return &rest.Config{
		Host:            address("https", p.apiPort),
		BearerToken:     p.tokens.admin,
		TLSClientConfig: rest.TLSClientConfig{CAData: p.keys.authority},
	}
}

// etcdClient calls etcd with this plane's own certificate, so that a server of
// somebody else on its port is never taken for ours.
func (p *plane) etcdClient() (*http.Client, error) {
	tls, err := p.keys.clientTLS()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: tls, DisableKeepAlives: true}}, nil
}

// etcdHealth asks etcd at url whether it is ready.
func (p *plane) etcdHealth(url string) (func(context.Context) error, error) {
	client, err := p.etcdClient()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd answers %s", response.Status)
		}
		return nil
	}, nil
}

const loopback = "127.0.0.1"

func address(scheme string, port int) string {
	return scheme + "://" + net.JoinHostPort(loopback, strconv.Itoa(port))
}

// freePorts returns distinct loopback ports that are free now. All are held
// until the last is found, so that none is handed out twice.
func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
