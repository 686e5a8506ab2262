package kms

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSign holds the signature of a request that AWS documents:
// https://docs.aws.amazon.com/general/latest/gr/sigv4-create-canonical-request.html.
func TestSign(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials := AWSCredentials{AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	if err := sign(request, credentials, scope{"us-east-1", "iam"}, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := request.Header.Get("Authorization"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestJudge says which addresses are asked.
func TestJudge(t *testing.T) {
	control := judge(nil)
	for address, want := range map[string]bool{
		"192.0.2.1:443": true, "127.0.0.1:8200": true, "10.0.0.1:8200": true, "[2001:db8::1]:443": true, "169.254.169.254:80": false, "[::ffff:169.254.169.254]:80": false,
		"[fe80::1%eth0]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[fd00:ec2::254]:80": false, "100.100.100.200:80": false, "nowhere": false,
	} {
		if err := control("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
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
