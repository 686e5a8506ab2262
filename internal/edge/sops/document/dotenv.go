package document

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

func parseDotenv(text []byte) (Branch, error) {
	var branch Branch
	var budget budget
	number := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		number++
		if line == "" {
			continue
		}
		if line[0] == '#' {
			branch = append(branch, Item{Comment: &Comment{Text: line[1:]}})
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("line %d has no =", number)
		}
		if err := budget.spend(0, len(key)); err != nil {
			return nil, err
		}
		branch = append(branch, Item{Key: key, Value: strings.ReplaceAll(value, `\n`, "\n")})
	}
	return branch, nil
}

func renderDotenv(branch Branch) ([]byte, error) {
	var out bytes.Buffer
	for _, item := range branch {
		if item.Comment != nil {
			out.WriteString("#" + item.Comment.Text + "\n")
			continue
		}
		text, err := textOf(item)
		if err != nil {
			return nil, err
		}
		out.WriteString(item.Key + "=" + strings.ReplaceAll(text, "\n", `\n`) + "\n")
	}
	return out.Bytes(), nil
}

// textOf returns the value of a field in formats that have texts only.
func textOf(item Item) (string, error) {
	switch value := item.Value.(type) {
	case string:
		return value, nil
	case int:
		return strconv.Itoa(value), nil
	case bool:
		return strconv.FormatBool(value), nil
	case time.Time:
		return value.Format(time.RFC3339), nil
	case float64:
		text := strconv.FormatFloat(value, 'G', -1, 64)
		if !strings.ContainsAny(text, ".E") { // so that it is told from a whole number
			text = strconv.FormatFloat(value, 'f', 1, 64)
		}
		return text, nil
	default:
		return "", fmt.Errorf("the value of %.100q is no text", item.Key)
	}
}
