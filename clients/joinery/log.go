package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/quiet"
)

// logging is the flags of serve about its log.
type logging struct {
	verbose       bool
	level, format string
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (l *logging) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&l.verbose, "verbose", "v", false, "as --log-level info, with the embedded server's log")
	flags.StringVar(&l.level, "log-level", "warn", "`LEVEL` from which on is logged: debug, info, warn or error")
	flags.StringVar(&l.format, "log-format", "text", "`FORMAT` of the log on the standard error: text or json")
	complete(cmd, "log-level", "debug", "info", "warn", "error")
	complete(cmd, "log-format", "text", "json")
}

func (l *logging) check() error {
	if _, ok := levels[l.level]; !ok {
		return fmt.Errorf("--log-level %s: must be debug, info, warn or error", l.level)
	}
	if l.format != "text" && l.format != "json" {
		return fmt.Errorf("--log-format %s: must be text or json", l.format)
	}
	return nil
}

// logger returns the log of serve: what repeats is said seldom.
func (l *logging) logger(out io.Writer) *slog.Logger {
	level := levels[l.level]
	if l.verbose {
		level = min(level, slog.LevelInfo)
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: plainError}
	var to slog.Handler = slog.NewTextHandler(out, opts)
	if l.format == "json" {
		to = slog.NewJSONHandler(out, opts)
	}
	return slog.New(quiet.New(to))
}

// logger is the log of commands that end by themselves.
func logger(out io.Writer, verbose bool) *slog.Logger {
	return (&logging{verbose: verbose, level: "warn", format: "text"}).logger(out)
}

// plainError keeps errors that know their stack from printing it.
func plainError(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(err.Error())
	}
	return a
}
