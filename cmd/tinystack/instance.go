package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/tinystack/tinystack/internal/control"
	"github.com/tinystack/tinystack/internal/netcfg"
)

// addInstanceFlag declares --dev of a command that asks a running instance.
func addInstanceFlag(cmd *cobra.Command, dev *string) {
	cmd.Flags().StringVar(dev, "dev", "", "the `device` of the instance that is meant, where several are running")
}

// dialInstance finds the running instance on dev, or the only one. Its errors
// carry their exit codes.
func dialInstance(dev string) (*control.Client, error) {
	if dev != "" {
		if err := checkDevice(dev); err != nil {
			return nil, err
		}
	}
	c, err := control.Dial(dev)
	return c, instanceError(err)
}

// instanceError gives an error of package control its exit code.
func instanceError(err error) error {
	switch {
	case errors.Is(err, control.ErrNone), errors.Is(err, control.ErrStale):
		return codeError{exitNoInstance, err}
	case errors.Is(err, control.ErrAmbiguous):
		return usageError{err}
	case errors.Is(err, control.ErrPrivilege):
		return &netcfg.MissingError{What: err.Error(), Mend: "sudo " + commandLine()}
	}
	return err
}
