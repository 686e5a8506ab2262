package document

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// metadataKey is the field, or the section, that holds what sops has to know of a
// file. In dotenv, which has no nesting, each of its fields begins with it.
const (
	metadataKey    = "sops"
	metadataPrefix = metadataKey + "_"
)

// Split takes the metadata of sops out of the documents of a file, which are changed.
// They are nil where the file has none. Those of the first document count.
func Split(format Format, documents []Branch) ([]Branch, map[string]any, error) {
	if len(documents) == 0 {
		return nil, nil, nil
	}
	if format == Dotenv {
		return splitDotenv(documents[0])
	}
	var found []any
	for i, document := range documents {
		rest := document[:0:0]
		for _, item := range document {
			switch {
			case item.Comment != nil || item.Key != metadataKey:
				rest = append(rest, item)
			case i == 0:
				found = append(found, item.Value)
			}
		}
		documents[i] = rest
	}
	if len(found) > 1 {
		return nil, nil, fmt.Errorf("it has %q twice", metadataKey)
	}
	if len(found) == 0 {
		return documents, nil, nil
	}
	metadata, isMapping := found[0].(Branch)
	if !isMapping {
		return documents, nil, nil
	}
	if format == INI {
		nested, err := nest(unescaped(metadata))
		return documents, nested, err
	}
	plain, _ := plainOf(metadata).(map[string]any)
	return documents, plain, nil
}

// unescaped returns fields with the line breaks that INI has no other way to write.
func unescaped(fields Branch) Branch {
	var out Branch
	for _, item := range fields {
		if text, isText := item.Value.(string); isText {
			item.Value = strings.ReplaceAll(text, `\n`, "\n")
		}
		out = append(out, item)
	}
	return out
}

func splitDotenv(document Branch) ([]Branch, map[string]any, error) {
	var rest, metadata Branch
	for _, item := range document {
		if key, ours := strings.CutPrefix(item.Key, metadataPrefix); ours && item.Comment == nil {
			metadata = append(metadata, Item{Key: key, Value: item.Value})
		} else {
			rest = append(rest, item)
		}
	}
	if metadata == nil {
		return []Branch{rest}, nil, nil
	}
	nested, err := nest(metadata)
	return []Branch{rest}, nested, err
}

// plainOf returns a value without its order and its comments.
func plainOf(value any) any {
	switch value := value.(type) {
	case Branch:
		fields := make(map[string]any, len(value))
		for _, item := range value {
			if item.Comment == nil {
				fields[item.Key] = plainOf(item.Value)
			}
		}
		return fields
	case List:
		items := []any{}
		for _, item := range value {
			if _, isComment := item.(Comment); !isComment {
				items = append(items, plainOf(item))
			}
		}
		return items
	default:
		return value
	}
}

// What separates the names in a flat key, as in "age__list_0__map_recipient".
const (
	mapMark  = "__map_"
	listMark = "__list_"
)

// nest makes fields within fields of flat ones.
func nest(flat Branch) (map[string]any, error) {
	root := map[string]any{}
	for _, item := range flat {
		if item.Comment != nil {
			continue
		}
		steps := strings.Split(strings.ReplaceAll(item.Key, listMark, mapMark+listMark), mapMark)
		at := root
		for depth, step := range steps {
			below, known := at[step]
			fields, isMapping := below.(map[string]any)
			last := depth == len(steps)-1
			switch {
			case depth > maxDepth:
				return nil, errTooLarge
			case known && (last || !isMapping):
				return nil, fmt.Errorf("its metadata has %.100q twice", item.Key)
			case last:
				at[step] = item.Value
			case !known:
				fields = map[string]any{}
				at[step] = fields
			}
			at = fields
		}
	}
	listed, err := lists(root)
	if err != nil {
		return nil, err
	}
	nested, isMapping := listed.(map[string]any)
	if !isMapping {
		return nil, errors.New("its metadata is a list")
	}
	return nested, nil
}

// lists makes a list of every mapping whose keys are positions.
func lists(value any) (any, error) {
	fields, isMapping := value.(map[string]any)
	if !isMapping {
		return value, nil
	}
	items := make([]any, len(fields))
	positions := 0
	for key, field := range fields {
		below, err := lists(field)
		if err != nil {
			return nil, err
		}
		fields[key] = below
		position, isPosition := strings.CutPrefix(key, listMark)
		if !isPosition {
			continue
		}
		positions++
		if at, err := strconv.Atoi(position); err == nil && at >= 0 && at < len(items) {
			items[at] = below
		}
	}
	switch {
	case positions == 0:
		return fields, nil
	case positions < len(fields) || slices.Contains(items, nil):
		return nil, errors.New("a list in its metadata is not complete")
	}
	return items, nil
}
