package main

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// run is the program: args are the command line after its name. It ends when
// the command is done, or soon after ctx is.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	refuseUnknown(root)
	help := rememberHelp(root)
	return errors.Join(root.ExecuteContext(ctx), help.err)
}

// rememberHelp has help written to an output that keeps its error, which cobra would drop.
func rememberHelp(root *cobra.Command) *output {
	help, show := &output{w: root.OutOrStdout()}, root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.SetOut(help)
		show(cmd, args)
	})
	return help
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tinystack",
		Short: "A TCP/IP stack in user space, on a TUN device",
		Long: `A TCP/IP stack in user space, on a TUN device: the host's own curl and ping work against it.

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 no instance is running to be asked, 77 a privilege, the device
or the subnet is missing.`,
		Args:                       noCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newUp(), newSS(), newStats(), newPing(), newTraceroute(), newDig(), newCapture(), newExplain(), newGet(), newVersion())
	return root
}

// refuseUnknown makes cobra's own commands refuse the name of a command, or of a
// shell, that they don't know; they would print help, and succeed. The scripts
// go to root's output as it is now.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				of, rest, _ := root.Find(args) // what it doesn't find is left
				return noCommand(of, rest)
			}
		case "completion":
			cmd.Args, cmd.RunE = noCommand, root.RunE
		}
	}
}

// flagError makes err a usage error, which says what is wrong with a number, not
// which function of strconv found it.
func flagError(_ *cobra.Command, err error) error {
	var num *strconv.NumError
	if errors.As(err, &num) {
		return usagef("%s", strings.Replace(err.Error(), num.Error(), num.Err.Error(), 1))
	}
	return usageError{err}
}

// noCommand is called with what is not a command's name.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("there is no command %q; did you mean %q?", args[0], likeliest(near, args[0]))
	}
	return usagef("there is no command %q; see %s --help", args[0], cmd.CommandPath())
}

// likeliest is the name that begins as what was typed does, or else the first.
func likeliest(names []string, typed string) string {
	for _, name := range names {
		if strings.HasPrefix(name, typed[:min(len(typed), 1)]) {
			return name
		}
	}
	return names[0]
}

// wantArgs refuses any number of arguments but the one wanted.
func wantArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s takes %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}
