package visible

import (
	"fmt"
	"io"
	"log/slog"
)

// StartLog makes a log to w the default one, in which every character shows. Its format
// is json or text, and its level one of slog's. The error says what is neither.
func StartLog(w io.Writer, format, level string) error {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("log level %q is neither info nor debug", level)
	}
	handling := &slog.HandlerOptions{Level: least}
	switch format {
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(Log(w), handling)))
	case "text":
		slog.SetDefault(slog.New(slog.NewTextHandler(Log(w), handling)))
	default:
		return fmt.Errorf("log format %q is neither json nor text", format)
	}
	return nil
}
