// Package stack runs the whole service on private servers, as real processes
// like in production.
package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"simtransfer/client"
	"simtransfer/dev/servers"
	"simtransfer/storage"
)

// Options configure a Stack. The zero value runs one process of each kind, of
// this program.
type Options struct {
	Servers servers.Options
	Program string   // path of the simtransfer binary; empty means this program
	Env     []string // for every process, such as SIMTRANSFER_DROP_ATTEMPTS=3; overrides the stack's own settings
	Listen  string   // address of the API; empty means a free loopback port

	// OneClick makes the console show buttons that sign in: see WriteSignIns.
	OneClick bool
}

// Stack is the running service. Its processes end with this process, even if it
// is killed.
type Stack struct {
	*servers.Servers
	DB    *storage.DB    // to look at what the processes have done
	Admin *client.Client // the API, with the key of an administrator

	program   string
	env       []string
	processes []*Process
}

// StartRADIUS starts a process that receives accounting on a UDP address.
func (s *Stack) StartRADIUS(ctx context.Context, address string) (*Process, error) {
	status, err := servers.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.StartProcess("radius", "SIMTRANSFER_RADIUS_LISTEN="+address, "SIMTRANSFER_RADIUS_STATUS="+status)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.WaitReady(ctx, func(ctx context.Context) error { return answersReady(ctx, "http://"+status+"/readyz") }); err != nil {
		return nil, fmt.Errorf("starting the accounting server: %w", err)
	}
	return p, nil
}

func answersReady(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// Timeouts of the processes of a stack.
const (
	startTimeout = 2 * time.Minute // recovery of the servers included
	stopTimeout  = 30 * time.Second
)

// Start starts the servers and an API, a worker and a scheduler. It returns when
// the API answers.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	started, err := servers.Start(ctx, o.Servers)
	if err != nil {
		return nil, err
	}
	s := &Stack{Servers: started, program: o.Program}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.program == "" {
		if s.program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("looking for this program: %w", err)
		}
	}
	if s.program, err = filepath.Abs(s.program); err != nil {
		return nil, fmt.Errorf("looking for the program: %w", err)
	}
	if err := s.openDatabase(ctx); err != nil {
		return nil, err
	}
	if o.Listen == "" {
		if o.Listen, err = servers.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	s.env = append(inheritedEnv(),
		"SIMTRANSFER_DATABASE_URL="+s.DatabaseURL(Database),
		"SIMTRANSFER_REDIS_URL="+s.RedisURL(0),
		"SIMTRANSFER_LISTEN="+o.Listen,
		"SIMTRANSFER_GATEWAY_ALLOW_NETWORKS=127.0.0.0/8", // simulated gateways without RADIUS
		"SIMTRANSFER_DRAIN=0s")                           // no proxy is in front of it
	if o.OneClick {
		s.env = append(s.env, "SIMTRANSFER_ONE_CLICK="+s.signInsFile())
	}
	s.env = append(s.env, o.Env...)
	for _, name := range []string{"api", "worker", "scheduler"} {
		if _, err := s.StartProcess(name); err != nil {
			return nil, err
		}
	}
	token, err := s.EnsureKey(ctx, storage.NewKey{Role: storage.RoleAdmin, Name: "first administrator"})
	if err != nil {
		return nil, err
	}
	s.Admin = &client.Client{URL: "http://" + o.Listen, Key: token}
	return s, s.awaitAPI(ctx, s.processes[0], s.Admin.Ready)
}

// Database is the name of the stack's database.
const Database = "simtransfer"

func (s *Stack) openDatabase(ctx context.Context) error {
	if err := s.CreateDatabase(ctx, Database, ""); err != nil && !errors.Is(err, servers.ErrDatabaseExists) {
		return err
	}
	if err := storage.Migrate(ctx, s.DatabaseURL(Database)); err != nil {
		return err
	}
	var err error
	s.DB, err = storage.Open(ctx, s.DatabaseURL(Database), storage.Options{})
	return err
}

// EnsureKey returns the token of a key with the given role, account and name. If
// an earlier stack in the same folder created that key, it gets a new token,
// because the old one is not stored, and the old token stops working.
func (s *Stack) EnsureKey(ctx context.Context, key storage.NewKey) (token string, err error) {
	key.By = cmp.Or(key.By, storage.Actor{Name: "simtransfer"})
	revoked := false
	filter := storage.KeyFilter{Role: key.Role, Revoked: &revoked, Limit: 200}
	if key.OperatorID != "" {
		account, err := s.DB.Account(ctx, key.OperatorID.Ref())
		if err != nil {
			return "", err
		}
		filter.Account = account.ID
	}
	for {
		list, err := s.DB.Keys(ctx, filter)
		if err != nil {
			return "", err
		}
		for _, k := range list {
			if k.Name == key.Name {
				err := s.DB.InTx(ctx, func(t *storage.Tx) error {
					_, token, err = t.RotateKey(ctx, k.ID, storage.Rotation{By: key.By})
					return err
				})
				return token, err
			}
		}
		if len(list) < filter.Limit {
			_, token, err = s.DB.CreateKey(ctx, key)
			return token, err
		}
		filter.After = list[len(list)-1].ID
	}
}

// SignIn is a button of the console that signs in with an API key.
type SignIn struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Key   string `json:"key"`
}

func (s *Stack) signInsFile() string { return filepath.Join(s.Dir(), "sign-ins.json") }

// WriteSignIns sets the buttons of a stack with Options.OneClick. Everyone who can
// reach the console can press them.
func (s *Stack) WriteSignIns(list []SignIn) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(s.signInsFile(), text, 0o600)
}

// inheritedEnv returns the environment of this process without the settings of
// the service and of PostgreSQL, so that a demonstration can never write to a
// production database.
func inheritedEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SIMTRANSFER_") && !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	return env
}

// Process is a running process of the service.
type Process struct {
	*servers.Process
	Name string // its subcommand, such as "worker"
}

// StartProcess starts one more process of the service. name is its subcommand,
// such as "worker". The variables in env, such as SIMTRANSFER_WORKER_BULK=4,
// override the stack's.
func (s *Stack) StartProcess(name string, env ...string) (*Process, error) {
	p, err := servers.Command{
		Path:        s.program,
		Args:        []string{name},
		Env:         append(append([]string{}, s.env...), env...),
		LogFile:     filepath.Join(s.Dir(), fmt.Sprintf("%s-%d.log", name, len(s.processes)+1)),
		DeathSignal: syscall.SIGKILL,
	}.Start()
	if err != nil {
		return nil, err
	}
	process := &Process{Process: p, Name: name}
	s.processes = append(s.processes, process)
	return process, nil
}

// StartAPI starts one more API on a free port and returns when it answers.
func (s *Stack) StartAPI(ctx context.Context, env ...string) (*Process, *client.Client, error) {
	address, err := servers.FreeAddress(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.StartProcess("api", append(env, "SIMTRANSFER_LISTEN="+address)...)
	if err != nil {
		return nil, nil, err
	}
	client := &client.Client{URL: "http://" + address, Key: s.Admin.Key}
	return p, client, s.AwaitAPI(ctx, p, client.URL)
}

// AwaitAPI waits until an API that was started or restarted answers.
func (s *Stack) AwaitAPI(ctx context.Context, p *Process, url string) error {
	client := &client.Client{URL: url, Key: s.Admin.Key, HTTP: &http.Client{Timeout: 5 * time.Second}}
	return s.awaitAPI(ctx, p, client.Healthy)
}

func (s *Stack) awaitAPI(ctx context.Context, p *Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.WaitReady(ctx, ready); err != nil {
		return fmt.Errorf("starting the API: %w", err)
	}
	return nil
}

// Processes lists the processes that are running.
func (s *Stack) Processes() []*Process {
	var list []*Process
	for _, p := range s.processes {
		if p.Running() {
			list = append(list, p)
		}
	}
	return list
}

// Shutdown sends SIGTERM and waits until the process has ended.
func (p *Process) Shutdown() error { return p.Stop(syscall.SIGTERM, stopTimeout) }

// Stop shuts every process down, and then the servers.
func (s *Stack) Stop() error {
	var errs []error
	for _, p := range s.Processes() {
		_ = p.Signal(syscall.SIGTERM) // fails only if it has just ended
	}
	for _, p := range s.Processes() {
		errs = append(errs, p.Shutdown())
	}
	if s.DB != nil {
		errs = append(errs, s.DB.Close())
	}
	return errors.Join(append(errs, s.Servers.Stop())...)
}
