// Simtransfer moves the registration of IoT SIMs from one operator account to
// another, one SIM or a million at a time.
package main

import (
	"os"

	"simtransfer/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:], os.Stderr))
}
