package process

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"simtransfer/dev/servers"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
)

// A node of a cluster is refused: half of the queues would be out of reach.
func TestRedisClusterIsRefused(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(startRedis(t, "--cluster-enabled", "yes"))
	info, err := redisInfo(t.Context(), mustRedis(t, "redis://127.0.0.1:"+port))
	if err != nil || info["cluster_enabled"] != "1" {
		t.Fatalf("%v, %v", info["cluster_enabled"], err)
	}
	if err := checkRedis(info); err == nil {
		t.Error("a node of a cluster was not refused")
	}
	if err := checkRedis(map[string]string{"cluster_enabled": "0"}); err != nil {
		t.Error(err)
	}
}

// Redis and its sentinels are reached by TLS, with a certificate authority of
// one's own and a certificate of this process.
func TestRedisWithTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeCertificates(t, dir)
	file := func(name string) string { return filepath.Join(dir, name) }
	settings := []string{"--tls-ca-cert-file", file("ca.pem"), "--tls-cert-file", file("cert.pem"), "--tls-key-file", file("key.pem"), "--tls-auth-clients", "yes", "--tls-replication", "yes"}
	address := startRedis(t, append([]string{"--tls"}, settings...)...)
	host, port, _ := net.SplitHostPort(address)
	config := file("sentinel.conf")
	if err := os.WriteFile(config, []byte("sentinel monitor m "+host+" "+port+" 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := startRedis(t, append([]string{config, "--sentinel", "--tls"}, settings...)...)

	flags := RedisFlags{RedisCAFile: file("ca.pem"), RedisCertFile: file("cert.pem"), RedisKeyFile: file("key.pem")}
	for _, url := range []string{"rediss://" + address, "rediss-sentinel://" + sentinel + "?master=m"} {
		flags.RedisURL = url
		o, err := flags.options()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := redisInfo(t.Context(), o); err != nil || info["redis_version"] == "" {
			t.Errorf("%s: %v", url, err)
		}
		client, ok := o.MakeRedisClient().(redis.UniversalClient) // as asynq makes it
		if !ok {
			t.Fatal("not a client")
		}
		if name, err := client.ClientGetName(t.Context()).Result(); err != nil || name != "simtransfer" {
			t.Errorf("%s: the connection is called %q, %v", url, name, err)
		}
		_ = client.Close()
		if _, err := redisInfo(t.Context(), mustRedis(t, url)); err == nil {
			t.Errorf("%s: an unknown authority was trusted", url)
		}
	}
}

// startRedis starts a server, with TLS if the first argument (or the one after
// --sentinel) is --tls, and returns its address.
func startRedis(t *testing.T, arguments ...string) string {
	t.Helper()
	address, err := servers.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	withTLS := false
	var settings []string
	for _, a := range arguments {
		if a == "--tls" {
			withTLS = true
			continue
		}
		settings = append(settings, a)
	}
	if withTLS {
		settings = append(settings, "--port", "0", "--tls-port", port)
	} else {
		settings = append(settings, "--port", port)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // ends in the cleanup, which waits for the process
	server := exec.CommandContext(ctx, "redis-server", append(settings, "--save", "", "--dir", t.TempDir(), "--bind", "127.0.0.1", "--loglevel", "warning")...)
	if err := server.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = server.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal("Redis did not start: ", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// writeCertificates writes a certificate authority and a certificate for
// 127.0.0.1 to ca.pem, cert.pem and key.pem.
func writeCertificates(t *testing.T, dir string) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authority, mine := key(), key()
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	write := func(name, kind string, der []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &authority.PublicKey, authority)
	write("ca.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &mine.PublicKey, authority)
	write("cert.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(mine)
	write("key.pem", "PRIVATE KEY", der, err)
}

// A process that cannot stop ends after its time, and says so.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	hanging := make(chan struct{})
	t.Cleanup(func() { close(hanging) })
	f := Flags{StopFlags: StopFlags{StopTimeout: 10 * time.Millisecond}}
	err := f.UntilStopped(ctx, slog.New(slog.DiscardHandler), func(context.Context) error {
		stop()
		<-hanging
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Each installation has its own Redis database: the workers of one would take the
// tasks of the other.
func TestRedisOfAnotherInstallationIsRefused(t *testing.T) {
	t.Parallel()
	server := mustRedis(t, serverstest.RedisURL(t))
	first, second := openDatabase(t), openDatabase(t)
	if _, err := second.Pool().ExecContext(t.Context(), `UPDATE installation SET id = gen_random_uuid()`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := inspectRedis(t.Context(), first, server); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error) {
		t.Helper()
		var unusable *unusableRedis
		if !errors.As(err, &unusable) || !strings.Contains(err.Error(), "another installation") {
			t.Errorf("the error is %v", err)
		}
	}
	_, err := checkServers(t.Context(), slog.New(slog.DiscardHandler), second, server)
	refused(err)
	refused(awaitRedis(t.Context(), second, server, time.Millisecond))

	client := newFailFastRedis(server, infoTimeout)
	defer func() { _ = client.Close() }()
	if err := client.Del(t.Context(), installationKey).Err(); err != nil { // as the error advises
		t.Fatal(err)
	}
	if _, err := inspectRedis(t.Context(), second, server); err != nil {
		t.Error(err)
	}
}

// A Redis that was down at the start is checked when it is up, and the process
// stops if it cannot be used.
func TestRedisIsCheckedWhenItIsUp(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	address, err := servers.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	down := mustRedis(t, "redis://"+address)
	if checked, err := checkServers(t.Context(), slog.New(slog.DiscardHandler), db, down); checked || err != nil {
		t.Errorf("nothing listens: checked %t, %v", checked, err)
	}
	cluster := mustRedis(t, "redis://"+startRedis(t, "--cluster-enabled", "yes"))
	f := Flags{StopFlags: StopFlags{StopTimeout: time.Minute}}
	err = f.UntilStopped(t.Context(), slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		f.stop(awaitRedis(ctx, db, cluster, time.Millisecond))
		<-ctx.Done()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "Redis Cluster") {
		t.Errorf("the process ended with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitRedis(ctx, db, down, time.Millisecond); err != nil {
		t.Error(err)
	}
}

func openDatabase(t *testing.T) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), serverstest.DatabaseURL(t), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
