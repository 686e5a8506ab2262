package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

func parseJSON(text []byte) (Branch, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	reader := jsonReader{Decoder: decoder}
	token, err := decoder.Token()
	if err != nil {
		return nil, reader.unreadable()
	}
	if token != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	branch, err := reader.object(place{})
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its JSON object")
	}
	return branch, nil
}

type jsonReader struct {
	*json.Decoder
	budget budget
}

// unreadable says where the decoder gave up, and nothing of what is there.
func (r *jsonReader) unreadable() error {
	return fmt.Errorf("it is no JSON after %d bytes", r.InputOffset())
}

// object reads the fields of an object that was begun. A field may be there twice, as
// for the sops program: what reads the plaintext judges it.
func (r *jsonReader) object(at place) (Branch, error) {
	branch := Branch{}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return nil, r.unreadable()
		}
		key, isText := token.(string)
		if !isText {
			return nil, r.unreadable()
		}
		value, err := r.value(at.below(key))
		if err != nil {
			return nil, err
		}
		branch = append(branch, Item{Key: key, Value: value})
	}
	return branch, r.end()
}

func (r *jsonReader) array(at place) (List, error) {
	list := List{}
	for r.More() {
		value, err := r.value(at.below(""))
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, r.end()
}

// end reads what closes an object or an array.
func (r *jsonReader) end() error {
	if _, err := r.Token(); err != nil {
		return r.unreadable()
	}
	return nil
}

func (r *jsonReader) value(at place) (any, error) {
	if err := r.budget.spend(at.depth, at.path); err != nil {
		return nil, err
	}
	token, err := r.Token()
	if err != nil {
		return nil, r.unreadable()
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return r.object(at)
		}
		return r.array(at)
	case json.Number:
		if whole, err := token.Int64(); err == nil {
			return int(whole), nil
		}
		number, err := token.Float64()
		if err != nil {
			return nil, fmt.Errorf("a number is too large, before byte %d", r.InputOffset())
		}
		return number, nil
	default:
		return token, nil
	}
}

func renderJSON(branch Branch) ([]byte, error) {
	var dense, out bytes.Buffer
	if err := writeJSON(&dense, branch); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, dense.Bytes(), "", "\t"); err != nil {
		return nil, errors.New("it cannot be written as JSON")
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// writeJSON writes a value. JSON has no comments.
func writeJSON(out *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case Branch:
		separator := byte('{')
		for _, item := range value {
			if item.Comment != nil {
				continue
			}
			out.WriteByte(separator)
			separator = ','
			if err := writeJSON(out, item.Key); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := writeJSON(out, item.Value); err != nil {
				return err
			}
		}
		closeJSON(out, separator, '{', '}')
		return nil
	case List:
		separator := byte('[')
		for _, item := range value {
			if _, isComment := item.(Comment); isComment {
				continue
			}
			out.WriteByte(separator)
			separator = ','
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		closeJSON(out, separator, '[', ']')
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return errors.New("a value cannot be written as JSON")
	}
	out.Write(text)
	return nil
}

// closeJSON ends an object or an array, which nothing has opened where it is empty.
func closeJSON(out *bytes.Buffer, separator, opening, closing byte) {
	if separator == opening {
		out.WriteByte(opening)
	}
	out.WriteByte(closing)
}

// renderBinary returns the one field of a binary file, as it is.
func renderBinary(branch Branch) ([]byte, error) {
	for _, item := range branch {
		if text, isText := item.Value.(string); isText && item.Key == "data" && item.Comment == nil {
			return []byte(text), nil
		}
	}
	return nil, errors.New(`its plaintext is no file: it has no text "data"`)
}
