package servers

import (
	"fmt"
	"os"
	"os/exec"
)

// reaperScript reads lines "name pid". When its standard input ends without the
// line "stopped", this process has died: the script then stops the servers that
// were named last, waits until they are gone, and removes the folder.
//
//	$1 $2  names of the signals that stop PostgreSQL and Redis
//	$3     the folder to remove; empty to keep it
//	fd 3   reaches its end when this process and all servers are gone
const reaperScript = `
while read -r name pid; do
	case $name in
	postgres) postgres=$pid ;;
	redis) redis=$pid ;;
	stopped) exit 0 ;;
	esac
done
[ -z "$postgres" ] || kill -s "$1" "$postgres"
[ -z "$redis" ] || kill -s "$2" "$redis"
cat <&3
[ -z "$3" ] || rm -rf -- "$3"
`

// reaper is a process that cleans up if this process is killed. On Linux the
// kernel has already sent the servers their stop signals by then; elsewhere the
// reaper sends them.
type reaper struct {
	cmd      *exec.Cmd
	lifeline *os.File // its standard input
	// held must be inherited by the servers: the reaper waits until no process
	// has it open.
	held *os.File
}

func startReaper(postgresSignal, redisSignal, remove string) (*reaper, error) {
	orders, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer orders.Close()
	gone, held, err := os.Pipe()
	if err != nil {
		_ = lifeline.Close()
		return nil, err
	}
	defer gone.Close()

	r := &reaper{lifeline: lifeline, held: held}
	r.cmd = &exec.Cmd{
		Path:        "/bin/sh",
		Args:        []string{"sh", "-c", reaperScript, "simtransfer-reaper", postgresSignal, redisSignal, remove},
		Dir:         "/",
		Stdin:       orders,
		ExtraFiles:  []*os.File{gone},
		SysProcAttr: sessionAttributes(),
	}
	if err := r.cmd.Start(); err != nil {
		_ = lifeline.Close()
		_ = held.Close()
		return nil, fmt.Errorf("starting the reaper: %w", err)
	}
	return r, nil
}

// watch names the process that is now the server of that name; pid 0 means that
// there is none.
func (r *reaper) watch(name string, pid int) {
	id := ""
	if pid != 0 {
		id = fmt.Sprint(pid)
	}
	// If the reaper has been killed, we go on without one.
	_, _ = fmt.Fprintf(r.lifeline, "%s %s\n", name, id)
}

// dismiss ends the reaper once everything is stopped.
func (r *reaper) dismiss() error {
	r.watch("stopped", 0)
	_ = r.lifeline.Close()
	_ = r.held.Close()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("stopping the reaper: %w", err)
	}
	return nil
}
