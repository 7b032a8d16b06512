// Package deployments has the files of this folder that the program uses itself.
package deployments

import "embed"

// FreeRADIUS is the configuration of FreeRADIUS, in the folder "freeradius".
//
//go:embed freeradius
var FreeRADIUS embed.FS
