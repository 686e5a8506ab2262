package live

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"

	"k8s.io/apimachinery/pkg/util/json"
)

// press writes objects down for the time that they wait, in a quarter of the bytes that
// their JSON has, mostly. The zero value works. It is safe for concurrent use.
type press struct{ writers sync.Pool }

// pack writes down an object.
func (p *press) pack(content map[string]any) ([]byte, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer, known := p.writers.Get().(*flate.Writer)
	if known {
		writer.Reset(&packed)
	} else if writer, err = flate.NewWriter(&packed, flate.BestSpeed); err != nil {
		return nil, err
	}
	defer p.writers.Put(writer)
	if _, err := writer.Write(text); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(packed.Bytes()), nil
}

// unpack reads an object that pack wrote.
func unpack(packed []byte) (map[string]any, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, err
	}
	var content map[string]any
	err = json.Unmarshal(text, &content)
	return content, err
}
