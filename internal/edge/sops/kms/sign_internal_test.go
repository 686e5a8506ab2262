package kms

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// TestSign holds the signature of a request that AWS documents:
// https://docs.aws.amazon.com/general/latest/gr/sigv4-create-canonical-request.html.
func TestSign(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials := exchange.AccessKey{ID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	if err := sign(request, credentials, scope{"us-east-1", "iam"}, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := request.Header.Get("Authorization"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestForbiddenAddresses are not connected to, whatever names them.
func TestForbiddenAddresses(t *testing.T) {
	for _, at := range []string{"169.254.169.254:80", "[fe80::1]:80", "0.0.0.0:80", "[64:ff9b::a9fe:a9fe]:80"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{}).http.Do(request); !errors.Is(err, dial.ErrNotAsked) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestCodes are shown when they are codes, and nothing else of an answer is.
func TestCodes(t *testing.T) {
	for text, want := range map[string]string{
		`{"__type":"AccessDeniedException","message":"secret"}`:          "AccessDeniedException",
		`{"error":{"code":403,"message":"secret","status":"DENIED"}}`:    "DENIED",
		`{"error":{"code":"Forbidden","message":"secret"}}`:              "Forbidden",
		`{"error":"invalid_grant","error_description":"secret"}`:         "invalid_grant",
		`{"__type":"secret with spaces"}`:                                "",
		`{"errors":["secret"]}`:                                          "",
		`<html>secret`:                                                   "",
		`{"__type":"` + strings.Repeat("x", 101) + `","message":"none"}`: "",
	} {
		if got := strings.Trim(codeOf([]byte(text)), " ()"); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
