package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

// logTrace is below Debug: the server's trace shows every protocol line.
const logTrace = slog.LevelDebug - 4

// logger passes the server's log on and keeps its last fatal message, which is
// how a server says that it could not start.
type logger struct {
	out   *slog.Logger
	fatal atomic.Pointer[string]
}

var _ server.Logger = (*logger)(nil)

func newLogger(out *slog.Logger) *logger {
	if out == nil {
		out = slog.New(slog.DiscardHandler)
	}
	return &logger{out: out}
}

func (l *logger) enabled(level slog.Level) bool {
	return l.out.Enabled(context.Background(), level)
}

func (l *logger) log(level slog.Level, format string, args []any) {
	if l.enabled(level) {
		l.out.Log(context.Background(), level, fmt.Sprintf(format, args...))
	}
}

func (l *logger) Noticef(format string, args ...any) { l.log(slog.LevelInfo, format, args) }
func (l *logger) Warnf(format string, args ...any)   { l.log(slog.LevelWarn, format, args) }
func (l *logger) Errorf(format string, args ...any)  { l.log(slog.LevelError, format, args) }
func (l *logger) Debugf(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }
func (l *logger) Tracef(format string, args ...any)  { l.log(logTrace, format, args) }

// Fatalf does not end the process: a library must not.
func (l *logger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.fatal.Store(&message)
	l.log(slog.LevelError, "%s", []any{message})
}

// failure returns the fatal message as an error, or nil.
func (l *logger) failure() error {
	if message := l.fatal.Load(); message != nil {
		return fmt.Errorf("embedded: %s", *message)
	}
	return nil
}
