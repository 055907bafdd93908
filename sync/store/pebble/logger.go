package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	engine "github.com/cockroachdb/pebble/v2"
)

// logger hands what Pebble says to slog. Pebble expects that Fatalf ends the
// process; here it breaks the store.
type logger struct {
	fence *fence
	log   *slog.Logger
}

func (l *logger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble", "message", fmt.Sprintf(format, args...))
	}
}

func (l *logger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "message", fmt.Sprintf(format, args...))
}

func (l *logger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.log.Error("pebble gave up", "message", message)
	l.fence.fail(errors.New(message))
}

func (l *logger) backgroundError(err error) { l.log.Error("background work failed", "error", err) }

func (l *logger) corruption(info engine.DataCorruptionInfo) {
	l.log.Error("corruption found", "file", info.Path, "error", info.Details)
}
