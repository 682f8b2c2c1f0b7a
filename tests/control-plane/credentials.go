package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The files of a control plane's folder that its components read.
const (
	authorityFile  = "ca.crt"
	serverFile     = "server.crt"
	serverKeyFile  = "server.key"
	clientFile     = "etcd-client.crt"
	clientKeyFile  = "etcd-client.key"
	accountKeyFile = "service-accounts.key"
	tokenFile      = "tokens.csv"
)

// limitedSuffix ends the kubeconfig's name of a plane's user without rights.
const limitedSuffix = "-limited"

// keys are the PEM files of one control plane.
type keys struct {
	authority             []byte
	server, serverKey     []byte
	client, clientKey     []byte
	serviceAccountSigning []byte
}

// newKeys makes a certificate authority, a certificate for both servers, one
// for the API server as etcd's client, and the key of ServiceAccount tokens.
func newKeys() (keys, error) {
	issuer, issuerKey, err := newAuthority()
	if err != nil {
		return keys{}, err
	}
	made := keys{authority: encode("CERTIFICATE", issuer.Raw)}
	for _, leaf := range []struct {
		name             string
		certificate, key *[]byte
	}{
		{"control-plane", &made.server, &made.serverKey},
		{"kube-apiserver", &made.client, &made.clientKey},
	} {
		if *leaf.certificate, *leaf.key, err = newLeaf(leaf.name, issuer, issuerKey); err != nil {
			return keys{}, err
		}
	}
	_, made.serviceAccountSigning, err = newKey()
	return made, err
}

func (k keys) files() map[string][]byte {
	return map[string][]byte{
		authorityFile:  k.authority,
		serverFile:     k.server,
		serverKeyFile:  k.serverKey,
		clientFile:     k.client,
		clientKeyFile:  k.clientKey,
		accountKeyFile: k.serviceAccountSigning,
	}
}

// clientTLS is for calling this plane's etcd.
func (k keys) clientTLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(k.client, k.clientKey)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(k.authority) {
		return nil, errors.New("the certificate authority just made cannot be read back")
	}
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}

func newAuthority() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := template("control-plane-ca")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := x509.ParseCertificate(raw)
	return issuer, key, err
}

// newLeaf makes a certificate that is good for both ends of a loopback
// connection: etcd uses its server certificate as a client of itself too.
func newLeaf(name string, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (certificate, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost"}
	template.IPAddresses = []net.IP{net.ParseIP(loopback)}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", raw), keyPEM, nil
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte(rand.Text()[:16])),
		Subject:      pkix.Name{CommonName: name},
		// The past hour is for clocks that were set back between two runs.
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(30 * 24 * time.Hour),
	}
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode("EC PRIVATE KEY", raw), nil
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

// tokens are the bearer tokens of one control plane's users.
type tokens struct {
	admin, limited, controllerManager string
}

func newTokens() tokens {
	return tokens{admin: rand.Text(), limited: rand.Text(), controllerManager: rand.Text()}
}

// file is the token file of kube-apiserver: token, user, uid, groups.
func (t tokens) file() []byte {
	return fmt.Appendf(nil, "%s,admin,admin,system:masters\n%s,limited,limited\n%s,system:kube-controller-manager,controller-manager,system:masters\n",
		t.admin, t.limited, t.controllerManager)
}

// writeKubeconfig writes a context with an admin user for each plane, and a
// second user without rights and without a context.
func writeKubeconfig(path string, planes ...*plane) error {
	config := clientcmdapi.NewConfig()
	for _, plane := range planes {
		addContext(config, plane, plane.tokens.admin)
		config.AuthInfos[plane.name+limitedSuffix] = &clientcmdapi.AuthInfo{Token: plane.tokens.limited}
	}
	config.CurrentContext = planes[0].name
	return clientcmd.WriteToFile(*config, path)
}

func writeControllerKubeconfig(path string, plane *plane) error {
	config := clientcmdapi.NewConfig()
	addContext(config, plane, plane.tokens.controllerManager)
	config.CurrentContext = plane.name
	return clientcmd.WriteToFile(*config, path)
}

func addContext(config *clientcmdapi.Config, plane *plane, token string) {
	config.Clusters[plane.name] = &clientcmdapi.Cluster{
		Server:                   address("https", plane.apiPort),
		CertificateAuthorityData: plane.keys.authority,
	}
	config.AuthInfos[plane.name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[plane.name] = &clientcmdapi.Context{Cluster: plane.name, AuthInfo: plane.name}
}
