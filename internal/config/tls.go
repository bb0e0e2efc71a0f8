package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// TLS says with which certificate a gateway is asked, and whose certificates it is believed by. The zero TLS is none: the
// authorities of this machine, and no client certificate.
type TLS struct {
	Cert, Key string // files in PEM; the key may be read by its owner alone
	CA        string // file in PEM with the authorities that are believed, in place of this machine's
	At        Pos
}

// IsZero tells whether nothing was configured.
func (t TLS) IsZero() bool { return t.Cert == "" && t.Key == "" && t.CA == "" }

func tlsFiles() object[TLS] {
	return object[TLS]{
		what: "tls",
		done: func(r *report, n *yaml.Node, keys map[string]Pos, t *TLS) {
			t.At = r.at(n)
			_, cert := keys["cert"]
			_, key := keys["key"]
			if cert != key {
				r.add(t.At, "a client certificate needs both its parts", "add cert: and key:")
			}
		},
		fields: []field[TLS]{
			key("cert", "The client certificate, with what its authority needs to be found, in PEM.",
				path("a file"), func(t *TLS, v string) { t.Cert = v }),
			key("key", "Its private key in PEM, without a passphrase; nobody but its owner may read the file.",
				path("a file"), func(t *TLS, v string) { t.Key = v }),
			key("ca", "The authorities whose certificates the gateway may have, in PEM; without it those of this machine.",
				path("a file"), func(t *TLS, v string) { t.CA = v }),
		},
	}
}

// checkTLS wants certificates only where they are shown.
func checkTLS(r *report, g *Gateway) {
	at, there := g.keys["tls"]
	if !there {
		return
	}
	if g.Kind != GatewayContract && g.Kind != GatewayLiteLLM {
		r.add(at, "tls belongs to kind contract or litellm, not "+g.Kind, "")
		return
	}
	for _, a := range g.Instances {
		if !strings.HasPrefix(a, "https://") {
			r.add(g.keys["instances"], "instance "+quote(a)+" is asked without TLS, so that its certificate is not shown", "write https://")
		}
	}
}

// Load reads the files as they are now, so that a certificate that was renewed is used. leaf is nil where there is none.
func (t TLS) Load(now time.Time) (c *tls.Config, leaf *x509.Certificate, err error) {
	c = &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := readFile(t.CA)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", t.where("ca", t.CA), err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("%s: no certificate stands in it; it wants PEM, BEGIN CERTIFICATE", t.where("ca", t.CA))
		}
	}
	if t.Cert == "" {
		return c, nil, nil
	}
	cert, err := readFile(t.Cert)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.where("cert", t.Cert), err)
	}
	private, err := readSecret(t.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.where("key", t.Key), err)
	}
	pair, err := tls.X509KeyPair(cert, []byte(private))
	if err != nil { // its text names what is missing or does not fit, and nothing of the key
		return nil, nil, fmt.Errorf("%s and key %s: %w; both in PEM, the key without a passphrase", t.where("cert", t.Cert), t.Key, err)
	}
	leaf = pair.Leaf
	switch {
	case now.After(leaf.NotAfter):
		return nil, leaf, fmt.Errorf("%s: it has ended at %s; renew it", t.where("cert", t.Cert), leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return nil, leaf, fmt.Errorf("%s: it begins at %s; is this machine's clock right?", t.where("cert", t.Cert), leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	c.Certificates = []tls.Certificate{pair}
	return c, leaf, nil
}

// where says what of the configuration, or of the command line, a file is.
func (t TLS) where(what, file string) string {
	if t.At.File == "" {
		return what + " " + file
	}
	return t.At.String() + ": " + what + " " + file
}

// readFile reads a file that is no secret, bounded.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; see the path and who may read it", unwrapPath(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, unwrapPath(err)
	case len(b) > maxFile:
		return nil, errors.New("it is longer than 1 MiB; that is no certificate")
	}
	return b, nil
}
