package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// watchOwn watches some of Syncline's own objects. Client-go's watch would do the same
// with up to six times the size of the largest event, four of which it keeps as long as
// the watch lasts; here it is three, and none is kept.
func watchOwn(ctx context.Context, request *rest.Request, options metav1.ListOptions, verbatim string) (watch.Interface, error) {
	options.Watch = true
	body, err := request.SpecificallyVersionedParams(&options, metav1.ParameterCodec, metav1.Unversioned).Stream(ctx)
	if err != nil {
		return nil, err
	}
	reader := &eventReader{body: body, json: json.NewDecoder(body), verbatim: verbatim}
	return watch.NewStreamWatcher(reader, apierrors.NewClientErrorReporter(http.StatusInternalServerError, http.MethodGet, "ClientWatchDecoding")), nil
}

// largeEvent is how many bytes an event has that leaves too much room behind.
const largeEvent = 64 << 10

// eventReader reads the events of a watch.
type eventReader struct {
	body     io.ReadCloser
	json     *json.Decoder
	verbatim string
}

// Decode returns the next event.
func (r *eventReader) Decode() (watch.EventType, runtime.Object, error) {
	var event struct {
		Type   watch.EventType `json:"type"`
		Object content         `json:"object"`
	}
	event.Object.verbatim = r.verbatim
	began := r.json.InputOffset()
	if err := r.json.Decode(&event); err != nil {
		return "", nil, err
	}
	if r.json.InputOffset()-began > largeEvent {
		r.json = json.NewDecoder(io.MultiReader(r.json.Buffered(), r.body))
	}
	if event.Type == watch.Error { // it tells a Status, whose status is a word
		return event.Type, event.Object.failure(), nil
	}
	return event.Type, &unstructured.Unstructured{Object: event.Object.fields}, nil
}

// Close ends the watch.
func (r *eventReader) Close() { _ = r.body.Close() }

// content is that of an object, of which one field is its JSON, a [json.RawMessage]. It is
// decoded from where the text is, which is not copied before.
type content struct {
	verbatim string
	fields   map[string]any
}

// UnmarshalJSON reads an object.
func (c *content) UnmarshalJSON(text []byte) error {
	var texts map[string]borrowed
	if err := json.Unmarshal(text, &texts); err != nil {
		return err
	}
	c.fields = make(map[string]any, len(texts))
	for name, text := range texts {
		if name == c.verbatim {
			c.fields[name] = json.RawMessage(bytes.Clone(text))
			continue
		}
		var value any
		if err := kjson.Unmarshal(text, &value); err != nil {
			return err
		}
		c.fields[name] = value
	}
	return nil
}

// failure returns the content of an object that says what failed.
func (c *content) failure() *metav1.Status {
	status := &metav1.Status{Status: metav1.StatusFailure, Message: "the watch failed"}
	if text, err := json.Marshal(c.fields); err == nil {
		_ = json.Unmarshal(text, status) // what cannot be read leaves what it says already
	}
	return status
}

// borrowed is the JSON of a value, within the text that is decoded.
type borrowed []byte

// UnmarshalJSON takes the text without a copy: it is used before that is written again.
func (b *borrowed) UnmarshalJSON(text []byte) error {
	*b = text
	return nil
}
