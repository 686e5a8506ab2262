package exchange

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// AccessKey is how AWS is asked. Session is that of a role.
type AccessKey struct {
	ID              string
	Secret, Session sealed.Text
}

// AWSRole is a role that a workload may assume: see
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html.
type AWSRole struct {
	ARN string
	// TokenFile holds what proves who the workload is.
	TokenFile string
}

// AWSWorkload returns the role that the cluster gave to this Pod, by the variables of
// IAM roles for service accounts. Another role replaces it that is not "".
func AWSWorkload(getenv func(string) string, other string) (AWSRole, error) {
	r := AWSRole{ARN: getenv("AWS_ROLE_ARN"), TokenFile: getenv("AWS_WEB_IDENTITY_TOKEN_FILE")}
	if other != "" {
		r.ARN = other
	}
	switch {
	case r.TokenFile == "":
		return r, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the cluster gave this Pod no identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set"),
			"annotate the ServiceAccount with eks.amazonaws.com/role-arn")
	case !regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role/[\w+=,.@/-]{1,512}$`).MatchString(r.ARN):
		return r, syncline.Errorf(syncline.Invalid, "its role is no ARN of a role")
	}
	return r, nil
}

// AccessKey assumes the role, at the address of a token service.
func (r AWSRole) AccessKey(ctx context.Context, c Client, address string) (AccessKey, time.Duration, error) {
	proof, err := readProof(r.TokenFile)
	if err != nil {
		return AccessKey{}, 0, err
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {r.ARN}, "RoleSessionName": {"syncline"},
		"WebIdentityToken": {strings.TrimSpace(proof.Reveal())},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return AccessKey{}, 0, syncline.Errorf(syncline.Invalid, "its server has an address that cannot be read")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.AssumeRole(request)
}

// AssumeRole sends a request to assume a role, and returns the key that is the answer,
// with how long it lasts.
func (c Client) AssumeRole(request *http.Request) (AccessKey, time.Duration, error) {
	text, err := c.Send(request)
	if err != nil {
		return AccessKey{}, 0, err
	}
	type credentials struct {
		ID      string `xml:"AccessKeyId"`
		Secret  string `xml:"SecretAccessKey"`
		Session string `xml:"SessionToken"`
		// Ends is written as RFC 3339 has it.
		Ends time.Time `xml:"Expiration"`
	}
	var answer struct {
		Own credentials `xml:"AssumeRoleResult>Credentials"`
		Web credentials `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	err = xml.Unmarshal(text, &answer)
	given := answer.Own
	if given.ID == "" {
		given = answer.Web
	}
	if err != nil || given.ID == "" {
		return AccessKey{}, 0, syncline.Errorf(syncline.Invalid, "server %s answered no credentials for the role", request.URL.Host)
	}
	return AccessKey{given.ID, sealed.Text(given.Secret), sealed.Text(given.Session)}, given.Ends.Sub(c.Now()), nil
}
