package visible

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLog returns a log in which every character shows. Its level is "info" or "debug"
// and its format "json" or "text"; anything else is an error.
func NewLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	switch level {
	case "info":
	case "debug":
		options.Level = slog.LevelDebug
	default:
		return nil, fmt.Errorf("log level %q is neither info nor debug", level)
	}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(Log(w), &options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(Log(w), &options)), nil
	}
	return nil, fmt.Errorf("log format %q is neither json nor text", format)
}
