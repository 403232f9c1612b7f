// Command install sets GoLab up and takes it away again.
//
//	go run ./install lab          all of it, then JupyterLab on the notebooks
//	go run ./install kernel       the kernel alone, for a Jupyter that is there already
//	go run ./install doctor       what is there, what is missing, and what to do about it
//	go run ./install uninstall    everything that the others made
//
// Nothing needs root, everything can be interrupted and run again, and what is done already is not done twice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golab/install/internal/doctor"
	"golab/install/internal/hint"
	"golab/install/internal/kernelspec"
	"golab/install/internal/lab"
	"golab/install/internal/progress"
	"golab/install/internal/setup"
	"golab/install/internal/uninstall"
)

const usage = `GoLab's installer.

usage:
  go run ./install lab [--no-browser] [--port N] [--setup-only] [-- ARGUMENT…]
        sets up all that GoLab needs and opens JupyterLab on notebooks/
  go run ./install kernel --user
        builds the kernel and registers it with the Jupyter that you have
  go run ./install doctor
        says what is there, what is missing, and what to do about it
  go run ./install uninstall [--yes]
        takes away what the others made

'go run ./install COMMAND -h' tells more. Environment: GOLAB_HOME and GOLAB_CACHE
say where GoLab keeps its files; pip and npm follow your own settings.
`

// errUsage is the error of a command line that was explained already.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case interrupted:
		fmt.Fprintln(os.Stderr, "\nInterrupted. Run the same command again to go on.")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "\nerror: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr *os.File) error {
	commands := map[string]func(context.Context, []string, *os.File, *os.File) error{
		"lab": runLab, "kernel": runKernel, "doctor": runDoctor, "uninstall": runUninstall,
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return nil
	}
	cmd, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "There is no command %q.\n\n%s", args[0], usage)
		return errUsage
	}
	return cmd(ctx, args[1:], stdout, stderr)
}

// flags is a flag set whose usage text starts with the line and the description given.
func flags(name, line, description string, w io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(w)
	fs.Usage = func() {
		fmt.Fprintf(w, "usage: go run ./install %s\n\n%s\n", line, description)
		fs.PrintDefaults()
	}
	return fs
}

// parse parses args, of which at most none or, with rest, any number may be left over.
func parse(fs *flag.FlagSet, args []string, rest bool) error {
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	if fs.NArg() > 0 && !rest {
		fmt.Fprintf(fs.Output(), "unexpected argument %q\n\n", fs.Arg(0))
		fs.Usage()
		return errUsage
	}
	return nil
}

func runLab(ctx context.Context, args []string, stdout, stderr *os.File) error {
	fs := flags("lab", "lab [flags] [-- ARGUMENT…]", `Sets up all that GoLab needs, in a folder of its own, and opens JupyterLab on notebooks/.
Arguments after -- go to JupyterLab.
`, stderr)
	noBrowser := fs.Bool("no-browser", false, "print JupyterLab's address instead of opening a browser")
	port := fs.Int("port", 0, "JupyterLab's `port` (default 8888, or the next that is free)")
	setupOnly := fs.Bool("setup-only", false, "set up and check everything, but don't start JupyterLab")
	if err := parse(fs, args, true); err != nil {
		return err
	}
	if *port < 0 || *port > 65535 {
		fmt.Fprintf(stderr, "--port %d: a port is a number up to 65535\n", *port)
		return errUsage
	}
	root, err := findRoot()
	if err != nil {
		return err
	}
	p := progress.New(stdout)
	start := time.Now()
	if err := setup.Lab(ctx, p, root); err != nil {
		return err
	}
	p.Printf("\nGoLab is ready (%s).", progress.Duration(time.Since(start)))
	if *setupOnly {
		return nil
	}
	server, err := lab.Start(ctx, lab.Options{
		Root:    filepath.Join(root, "notebooks"),
		Port:    *port,
		Browser: !*noBrowser,
		Args:    fs.Args(),
		Log:     stderr,
	})
	if err != nil {
		return err
	}
	p.Printf("\nStop it with Ctrl-C.") // JupyterLab itself has told its address
	err = server.Wait()
	if ctx.Err() != nil {
		p.Printf("\nJupyterLab has stopped.")
	}
	return err
}

func runKernel(ctx context.Context, args []string, stdout, stderr *os.File) error {
	fs := flags("kernel", "kernel --user", `Builds GoLab's kernel and registers it with the Jupyter that you have.
`, stderr)
	user := fs.Bool("user", false, "register it for you alone, in $JUPYTER_DATA_DIR or where Jupyter looks for your kernels")
	if err := parse(fs, args, false); err != nil {
		return err
	}
	if !*user {
		fmt.Fprintf(stderr, "Where to? Say --user for your own Jupyter folder.\n\n")
		fs.Usage()
		return errUsage
	}
	root, err := findRoot()
	if err != nil {
		return err
	}
	dataDir, err := kernelspec.UserDataDir()
	if err != nil {
		return err
	}
	if err := setup.Kernel(ctx, progress.New(stdout), root, dataDir); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nIn your Jupyter the kernel is called %q.\n", kernelspec.DisplayName)
	return nil
}

func runDoctor(ctx context.Context, args []string, stdout, stderr *os.File) error {
	fs := flags("doctor", "doctor", `Says what is there, what is missing, and what to do about it. Changes nothing.
The exit status is 1 if something is missing that notebooks need.
`, stderr)
	if err := parse(fs, args, false); err != nil {
		return err
	}
	if !doctor.Run(ctx, stdout) {
		return hint.Wrap(errors.New("GoLab is not complete"), "do what the lines marked ✗ say")
	}
	return nil
}

func runUninstall(_ context.Context, args []string, stdout, stderr *os.File) error {
	fs := flags("uninstall", "uninstall [--yes]", `Takes away what GoLab installed and cached, and its registration with Jupyter.
Your notebooks and this source folder stay. Without --yes it only says what it would remove.
`, stderr)
	yes := fs.Bool("yes", false, "do it")
	if err := parse(fs, args, false); err != nil {
		return err
	}
	return uninstall.Run(stdout, *yes)
}

func findRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return setup.FindRoot(wd)
}
