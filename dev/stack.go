package dev

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"simtransfer/cli"
	"simtransfer/storage"
)

// StackOptions say how to run the service. The zero value runs one process of
// each kind, of this very program.
type StackOptions struct {
	Options
	Program string   // the simtransfer binary; empty means this program
	Env     []string // for every process, such as SIMTRANSFER_DROP_ATTEMPTS=3; wins over this process's own
	Listen  string   // address of the API; empty means a free loopback port
}

// Stack is the whole service on private servers: real processes, as in
// production. They end with this process, however that ends.
type Stack struct {
	*Servers
	DB    *storage.DB // for looking at what the processes have done
	Admin *cli.Client // the API, with an administrator's key

	program   string
	env       []string
	processes []*Program
}

// StartStack starts everything and returns when the API answers.
func StartStack(ctx context.Context, o StackOptions) (_ *Stack, err error) {
	servers, err := Start(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	s := &Stack{Servers: servers, program: o.Program}
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
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		o.Listen = fmt.Sprintf("127.0.0.1:%d", port)
	}
	s.env = append(ownEnv(),
		"SIMTRANSFER_DATABASE_URL="+servers.DatabaseURL(database),
		"SIMTRANSFER_REDIS_URL="+servers.RedisURL(0),
		"SIMTRANSFER_LISTEN="+o.Listen)
	s.env = append(s.env, o.Env...)
	for _, name := range []string{"api", "worker", "scheduler"} {
		if _, err := s.StartProgram(name); err != nil {
			return nil, err
		}
	}
	return s, s.signIn(ctx, "http://"+o.Listen)
}

// database is the name of the stack's database.
const database = "simtransfer"

func (s *Stack) openDatabase(ctx context.Context) error {
	if err := s.CreateDatabase(ctx, database, ""); err != nil && !errors.Is(err, ErrDatabaseExists) {
		return err
	}
	if err := storage.Migrate(ctx, s.DatabaseURL(database)); err != nil {
		return err
	}
	var err error
	s.DB, err = storage.Open(ctx, s.DatabaseURL(database), storage.Options{})
	return err
}

func (s *Stack) signIn(ctx context.Context, url string) error {
	token, err := s.onlyKey(ctx, storage.NewKey{Role: storage.RoleAdmin, Name: "first administrator"})
	if err != nil {
		return err
	}
	s.Admin = &cli.Client{URL: url, Key: token}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.processes[0].await(ctx, func(ctx context.Context) error {
		return s.Admin.Call(ctx, http.MethodGet, "/readyz", nil, nil)
	}); err != nil {
		return fmt.Errorf("starting the API: %w", err)
	}
	return nil
}

// onlyKey makes a key, unless an earlier stack in the same folder has made it: then
// it gets a new token, because nobody can tell the old one, which ends.
func (s *Stack) onlyKey(ctx context.Context, wanted storage.NewKey) (token string, err error) {
	revoked := false
	filter := storage.KeyFilter{Role: wanted.Role, Revoked: &revoked, Limit: 200}
	if wanted.OperatorID != "" {
		account, err := s.DB.Account(ctx, wanted.OperatorID)
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
			if k.Name == wanted.Name {
				err := s.DB.InTx(ctx, func(t *storage.Tx) error {
					_, token, err = t.RotateKey(ctx, k.ID, 0, "")
					return err
				})
				return token, err
			}
		}
		if len(list) < filter.Limit {
			_, token, err = s.DB.CreateKey(ctx, wanted)
			return token, err
		}
		filter.After = list[len(list)-1].ID
	}
}

// ownEnv is this process's environment without the settings of the service: a
// demonstration must not be able to write into production.
func ownEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SIMTRANSFER_") && !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	return env
}

// Program is a running process of the service.
type Program struct {
	*process
	Name string // its subcommand
}

// StartProgram starts one more process of the service, such as "worker". Extra
// variables such as SIMTRANSFER_WORKER_BULK=4 win over the stack's.
func (s *Stack) StartProgram(name string, env ...string) (*Program, error) {
	p, err := command{
		path:        s.program,
		args:        []string{name},
		env:         append(append([]string{}, s.env...), env...),
		log:         filepath.Join(s.folder.path, fmt.Sprintf("%s-%d.log", name, len(s.processes)+1)),
		deathSignal: syscall.SIGKILL,
	}.start()
	if err != nil {
		return nil, err
	}
	program := &Program{process: p, Name: name}
	s.processes = append(s.processes, program)
	return program, nil
}

// Programs lists the processes that were started and have not ended.
func (s *Stack) Programs() []*Program {
	var list []*Program
	for _, p := range s.processes {
		if p.running() {
			list = append(list, p)
		}
	}
	return list
}

// Shutdown asks the process to end in good order and waits for it.
func (p *Program) Shutdown() error { return p.stop(syscall.SIGTERM, 30*time.Second) }

// Kill ends the process by SIGKILL and waits until it is gone.
func (p *Program) Kill() error {
	if err := p.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the %s: %w", p.Name, err)
	}
	<-p.ended
	return nil
}

// Log is where the process writes its log.
func (p *Program) Log() string { return p.log }

// Stop ends every process in good order, and then the servers.
func (s *Stack) Stop() error {
	var errs []error
	for _, p := range s.Programs() {
		_ = p.Signal(syscall.SIGTERM) // fails only when it has just ended
	}
	for _, p := range s.Programs() {
		errs = append(errs, p.Shutdown())
	}
	if s.DB != nil {
		errs = append(errs, s.DB.Close())
	}
	return errors.Join(append(errs, s.Servers.Stop())...)
}
