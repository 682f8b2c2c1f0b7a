// Control-plane is a whole Kubernetes control plane in one program, for tests:
// the first argument chooses which component to be, and `up` starts them all.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	// The sign-in plug-ins and log formats that the released programs carry.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = `usage: control-plane COMPONENT [ARGUMENTS]

components:
  up                       start whole control planes; see: control-plane up --help
  kubectl                  also chosen by calling this program as "kubectl"
  etcd
  kube-apiserver
  kube-controller-manager
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		runKubectl()
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	// The components read os.Args themselves and expect their name in front.
	os.Args = os.Args[1:]
	switch component := os.Args[0]; component {
	case "up":
		os.Exit(up(os.Args[1:]))
	case "kubectl":
		runKubectl()
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllermanager.NewControllerManagerCommand())
	default:
		fmt.Fprintf(os.Stderr, "control-plane: no component is called %q\n\n%s", component, usage)
		os.Exit(2)
	}
}

func run(command *cobra.Command) {
	os.Exit(cli.Run(command))
}

func runKubectl() {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
