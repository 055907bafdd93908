//go:build !unix

package cluster

import (
	"errors"
	"os"
)

func stopProcess(*os.Process) error {
	return errors.New("cluster: processes cannot be paused on this system; leave the nemesis pause out")
}

func contProcess(*os.Process) error { return nil }
