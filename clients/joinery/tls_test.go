package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs certificates for tests.
type authority struct {
	*testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{T: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", nil)
	return a
}

// file returns the name of a file of a certificate, or of its key.
func (a *authority) file(name, what string) string { return filepath.Join(a.dir, name+"."+what) }

// sign makes a certificate, and the file of it and of its key. Without a parent it signs itself.
func (a *authority) sign(name string, parent *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: parent == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer := a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(a, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(a, err)
	for what, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		require.NoError(a, os.WriteFile(a.file(name, what), pem.EncodeToMemory(block), 0o600))
	}
	made, err := x509.ParseCertificate(der)
	require.NoError(a, err)
	return made, key
}

func TestClientsAndLeafNodesJoinByTLS(t *testing.T) {
	a := newAuthority(t)
	for _, name := range []string{"hub", "client"} {
		a.sign(name, a.cert)
	}
	ca := a.file("ca", "crt")
	hub := serve(t, "--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0",
		"--listen-cert", a.file("hub", "crt"), "--listen-key", a.file("hub", "key"), "--listen-ca", ca)
	leaf := serve(t, "--listen", "127.0.0.1:0", "--leaf", hub.LeafURL,
		"--leaf-ca", ca, "--leaf-cert", a.file("client", "crt"), "--leaf-key", a.file("client", "key"))
	mine := []string{"--tls-ca", ca, "--tls-cert", a.file("client", "crt"), "--tls-key", a.file("client", "key")}
	hub.do(append([]string{"put", "a", "b", "c"}, mine...)...)
	require.Eventually(t, func() bool { return leaf.call("", "get", "a").code == exitDone }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, exitNoServer, hub.call("", "get", "a").code, "who does not trust the authority")
	require.Equal(t, exitNoServer, hub.call("", "get", "a", "--tls-ca", ca).code, "who has no certificate")
	require.Equal(t, exitNoServer, hub.call("", "get", "a", "--tls-ca", a.file("client", "crt")).code)
}
