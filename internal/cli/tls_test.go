package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// authority gives certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.cert = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, &a.key.PublicKey)
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate, of *ecdsa.PublicKey) *x509.Certificate {
	t.Helper()
	a.n++
	c.SerialNumber = big.NewInt(a.n)
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, of, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// give makes a certificate and its key, both in PEM. It has ended by then where ended says so.
func (a *authority) give(t *testing.T, name string, usage x509.ExtKeyUsage, ended bool) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}, KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if ended {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return certPEM(a.sign(t, c, &k.PublicKey)), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// locked stands before an instance of the fleet: it asks for a client certificate of the authority, and whoever it is
// for is the actor, whatever the request says. The token is its own matter.
func locked(t *testing.T, behind, token string, of *authority) *httptest.Server {
	t.Helper()
	to, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Authorization", "Bearer "+token)
		var body map[string]any
		b, _ := io.ReadAll(r.In.Body)
		if json.Unmarshal(b, &body) == nil {
			body["actor"] = r.In.TLS.PeerCertificates[0].Subject.CommonName
			b, _ = json.Marshal(body)
		}
		r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}}
	known := x509.NewCertPool()
	known.AddCert(of.cert)
	cert, key := of.give(t, "gateway", x509.ExtKeyUsageServerAuth, false)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(proxy)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// A gateway that wants a client certificate is steered with one, and without one, with a stranger's or with one that has ended
// the error says which file, and what to do. Who the gateway says it was is in the record.
func TestControlWithAClientCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	s.write(t, "ca.pem", string(certPEM(ours.cert)))
	s.write(t, "other-ca.pem", string(certPEM(theirs.cert)))
	for name, c := range map[string]struct {
		of    *authority
		ended bool
	}{"ana": {ours, false}, "stranger": {theirs, false}, "ended": {ours, true}} {
		cert, key := c.of.give(t, name+"@laptop", x509.ExtKeyUsageClientAuth, c.ended)
		s.write(t, name+".pem", string(cert))
		s.write(t, name+".key", string(key))
	}
	front := locked(t, s.Instances()[0].URL, s.Token(), ours)
	b, err := os.ReadFile(s.path("signalbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, sources, _ := strings.Cut(string(b), "sources:")
	configure := func(files, more string) {
		t.Helper()
		s.write(t, "signalbox.yaml", fmt.Sprintf("version: 1\nenvironments: {practice: {confirm: plain}}\ngateways:\n"+
			"  - {name: drill, kind: contract, env: practice, levers: on, instances: [%q], timeout: 30s%s%s}\nsources:%s", "front="+front.URL, files, more, sources))
	}

	configure(", tls: {cert: ana.pem, key: ana.key, ca: ca.pem}", "")
	var l thrown
	well(t, s.dir, &l, "apply", "workload.pause", "gateway=drill", "workload=batch", "--ttl", "10m", "--reason", "batch can wait", "--wait", "0", "--yes")
	var back struct{ Reverted, Reported bool }
	well(t, s.dir, &back, "revert", l.ID, "--reason", "it is over", "--yes")
	if !l.Reported || !back.Reported {
		t.Errorf("%+v, %+v", l, back)
	}
	record, err := os.ReadFile(s.path("state/journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"acted_as":"ana@laptop","acted_via":"gateway"`; !strings.Contains(string(record), want) {
		t.Errorf("the record does not have %s", want)
	}
	conform := []string{"conform", front.URL, "--cert", s.path("ana.pem"), "--key", s.path("ana.key"), "--ca", s.path("ca.pem")}
	if out, code := controls(t, s.dir, conform...); code != 0 || !strings.Contains(out, " 0 failed") {
		t.Errorf("conform ends with %d:\n%s", code, out)
	}
	if out, code := controls(t, s.dir, conform[:4]...); code != 2 || !strings.Contains(out, "--cert with --key") {
		t.Errorf("conform with half a certificate ends with %d:\n%s", code, out)
	}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, s.path("relay")); err != nil {
		t.Fatal(err)
	}
	through := `, through: ["./relay", pids, tcp, "{host}:{port}"]`
	s.write(t, "open.key", "")
	key, err := os.ReadFile(s.path("ana.key"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "open.key", string(key))
	if err := os.Chmod(s.path("open.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ files, more, want string }{
		{", tls: {cert: ana.pem, key: ana.key, ca: ca.pem}", through, ""},
		{", tls: {ca: ca.pem}", "", "certificate required; it did not take our client certificate: see cert and key"},
		{", tls: {ca: ca.pem}", through, "certificate required; it did not take our client certificate: see cert and key"},
		{", tls: {cert: stranger.pem, key: stranger.key, ca: ca.pem}", "", "remote error: tls: "},
		{", tls: {cert: ana.pem, key: ana.key, ca: other-ca.pem}", "", "signed by unknown authority"},
		{"", "", "signed by unknown authority; name the authority of its certificate as ca in the gateway's tls:"},
		{", tls: {cert: ended.pem, key: ended.key, ca: ca.pem}", "", "cannot be steered: tls: signalbox.yaml:4:"},
		{", tls: {cert: ended.pem, key: ended.key, ca: ca.pem}", "", "cert ended.pem: it has ended at "},
		{", tls: {cert: ana.pem, key: stranger.key, ca: ca.pem}", "", "private key does not match public key"},
		{", tls: {cert: ana.pem, key: open.key, ca: ca.pem}", "", "others may read it (mode 0640); chmod 600 "},
		{", tls: {cert: gone.pem, key: ana.key, ca: ca.pem}", "", "cert gone.pem: no such file"},
		{", tls: {cert: ana.pem, key: ana.key, ca: ana.key}", "", "ca ana.key: no certificate stands in it"},
	} {
		configure(c.files, c.more)
		out, code := controls(t, s.dir, "state")
		if c.want == "" && code != 0 || c.want != "" && (code != 3 || !strings.Contains(out, c.want)) {
			t.Errorf("%s%s: exit code %d, want %q in\n%s", c.files, c.more, code, c.want, out)
		}
		if strings.Contains(out, "PRIVATE") {
			t.Errorf("%s: a key is told:\n%s", c.files, out)
		}
	}
	if out, code := controls(t, s.dir, "conform", front.URL, "--cert", s.path("ana.pem"), "--key", s.path("open.key")); code != 2 || !strings.Contains(out, "chmod 600") {
		t.Errorf("conform with a key that others may read ends with %d:\n%s", code, out)
	}

	// A certificate that is renewed is used without another word.
	configure(", tls: {cert: ended.pem, key: ended.key, ca: ca.pem}", "")
	cert, key := ours.give(t, "ana@laptop", x509.ExtKeyUsageClientAuth, false)
	s.write(t, "ended.pem", string(cert))
	s.write(t, "ended.key", string(key))
	if out, code := controls(t, s.dir, "state"); code != 0 {
		t.Errorf("with a renewed certificate: exit code %d\n%s", code, out)
	}
	if out, err := signalboxIn(t, s.dir, "check", "--live", "-c", "signalbox.yaml", "--state-dir", "state"); !strings.Contains(string(out), "client certificate of CN=ana@laptop, good until ") {
		t.Errorf("check says, %v,\n%s", err, out)
	}
}
