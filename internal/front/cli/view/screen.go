package view

import (
	"fmt"
	"io"
	"strings"
)

// Screen draws a block of lines at the bottom of a terminal, in place of the
// block that it drew before.
type Screen struct {
	Out io.Writer
	// Size returns the terminal's columns and rows; 0 means unknown.
	Size  func() (columns, rows int)
	drawn int
}

// Room is the number of lines that fit; 0 means that it is unknown.
func (s *Screen) Room() int {
	_, rows := s.Size()
	return max(0, rows-1)
}

// Draw replaces the last block. Lines are cut to the terminal's width, and the
// first ones that fit are drawn.
func (s *Screen) Draw(lines []string) error {
	columns, rows := s.Size()
	if rows > 1 && len(lines) > rows-1 {
		lines = lines[:rows-1]
	}
	var text strings.Builder
	text.WriteString(s.back())
	for _, l := range lines {
		text.WriteString(escape + "2K" + clip(l, columns) + "\n")
	}
	text.WriteString(escape + "J")
	s.drawn = len(lines)
	_, err := io.WriteString(s.Out, text.String())
	return err
}

// back moves the cursor to the first line of the last block.
func (s *Screen) back() string {
	if s.drawn == 0 {
		return ""
	}
	return fmt.Sprintf("%s%dA\r", escape, s.drawn)
}
