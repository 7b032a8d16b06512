package dev

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// janitorScript reads lines "name pid". When this process ends without having
// said "stopped", however that happens, it stops the servers named last and,
// once nothing of them is left, removes the folder.
//
//	$1 $2  names of the signals that stop PostgreSQL and Redis
//	$3     the folder to remove, or nothing
//	fd 3   comes to its end when this process and all servers are gone
const janitorScript = `
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

// janitor is a process that outlives this one for a moment to clean up after
// it. On Linux the kernel has already told the servers to stop by then;
// elsewhere the janitor does.
type janitor struct {
	cmd      *exec.Cmd
	lifeline *os.File // its standard input
	// held has to be inherited by the servers: the janitor waits until nobody
	// has it any more.
	held *os.File
}

func startJanitor(postgresSignal, redisSignal, remove string) (*janitor, error) {
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

	j := &janitor{lifeline: lifeline, held: held}
	j.cmd = &exec.Cmd{
		Path:       "/bin/sh",
		Args:       []string{"sh", "-c", janitorScript, "simtransfer-janitor", postgresSignal, redisSignal, remove},
		Dir:        "/",
		Stdin:      orders,
		ExtraFiles: []*os.File{gone},
		// Ctrl-C in a terminal is not for it, nor what kills our process group.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := j.cmd.Start(); err != nil {
		_ = lifeline.Close()
		_ = held.Close()
		return nil, fmt.Errorf("starting the janitor: %w", err)
	}
	return j, nil
}

// tell says which process is now the server of that name; 0 is none.
func (j *janitor) tell(name string, pid int) {
	who := ""
	if pid != 0 {
		who = fmt.Sprint(pid)
	}
	// Should the janitor have been killed, we are no worse off without one.
	_, _ = fmt.Fprintf(j.lifeline, "%s %s\n", name, who)
}

// dismiss ends the janitor; there is nothing left for it to do.
func (j *janitor) dismiss() error {
	j.tell("stopped", 0)
	_ = j.lifeline.Close()
	_ = j.held.Close()
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("dismissing the janitor: %w", err)
	}
	return nil
}
