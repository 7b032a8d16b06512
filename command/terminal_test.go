//go:build unix

package command

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/term"

	"simtransfer/cli"
	"simtransfer/command/commandtest"
)

// Ctrl-C at the prompt for the key must end the program and turn the terminal's
// echo on again.
func TestLoginIsInterruptedOnATerminal(t *testing.T) {
	t.Parallel()
	keyboard, terminal := newTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	binary := commandtest.Path(t)
	login := exec.CommandContext(t.Context(), binary, "login", "--url=http://127.0.0.1:1")
	login.Env = []string{commandtest.Env, commandtest.QuickExit, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	login.Stdin, login.Stdout, login.Stderr = terminal, terminal, terminal
	login.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for buffer := make([]byte, 100); !strings.Contains(shown.String(), "API key: "); {
		n, err := keyboard.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(buffer[:n])
	}
	for hidden := false; !hidden; time.Sleep(time.Millisecond) { // the echo is turned off after the prompt
		now, err := term.GetState(int(terminal.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		hidden = *now != *before
	}
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_ = login.Wait() // its exit code is checked
	if code := login.ProcessState.ExitCode(); code != cli.ExitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if now, err := term.GetState(int(terminal.Fd())); err != nil || *now != *before {
		t.Errorf("the terminal state is %v, want %v: %v", now, before, err)
	}
}

// newTerminal opens a pseudo-terminal. The other end stands for its keyboard and
// screen.
func newTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are opened differently on this system")
	}
	const unlock, number = 0x40045431, 0x80045430 // TIOCSPTLCK, TIOCGPTN
	var err error
	if keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var zero, n int32
	for call, value := range map[uintptr]*int32{unlock: &zero, number: &n} {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), call, uintptr(unsafe.Pointer(value))); code != 0 {
			t.Fatal(code)
		}
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
}
