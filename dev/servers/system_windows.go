package servers

import (
	"errors"
	"os"
	"syscall"
)

var errPlatform = errors.New("simtransfer's private PostgreSQL and Redis need Linux or macOS: on Windows, run this command in WSL or in a container")

// checkPlatform is the first thing that Start calls, so nothing else in this
// file is ever reached.
func checkPlatform() error { return errPlatform }

func childAttributes(*account, syscall.Signal) *syscall.SysProcAttr { return nil }

func sessionAttributes() *syscall.SysProcAttr { return nil }

func signalProcess(int, syscall.Signal) error { return errPlatform }

// Suspend is not supported on Windows.
func Suspend(...int) error { return errPlatform }

// Resume is not supported on Windows.
func Resume(...int) error { return errPlatform }

func tryLock(*os.File) error { return errPlatform }

func owner(os.FileInfo) (uid, gid uint32, ok bool) { return 0, 0, false }
