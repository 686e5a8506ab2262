package application

import (
	"strconv"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/option"
)

func toPolicy(p *v1alpha1.SyncPolicy, found *problems) syncline.SyncPolicy {
	if p == nil {
		return syncline.SyncPolicy{}
	}
	policy := syncline.SyncPolicy{Options: option.Of(p.SyncOptions)}
	if a := p.Automated; a != nil && (a.Enabled == nil || *a.Enabled) {
		policy.Automated = true
		policy.Prune = a.Prune
		policy.SelfHeal = a.SelfHeal
		policy.AllowEmpty = a.AllowEmpty
	}
	if p.Retry != nil {
		retry := toRetry("spec.syncPolicy.retry", *p.Retry, found)
		policy.Retry = &retry
	}
	if m := p.ManagedNamespaceMetadata; m != nil {
		policy.NamespaceLabels = m.Labels
		if m.Labels == nil && m.Annotations == nil {
			policy.NamespaceLabels = map[string]string{} // managed, with nothing to put on it
		}
		policy.NamespaceAnnotations = m.Annotations
	}
	return policy
}

// toRetry translates the retry at the given path. What is not declared is zero.
func toRetry(path string, r v1alpha1.RetryStrategy, found *problems) syncline.Retry {
	retry := syncline.Retry{Limit: r.Limit, Refresh: r.Refresh}
	if r.Backoff == nil {
		return retry
	}
	retry.Duration = toDuration(path+".backoff.duration", r.Backoff.Duration, found)
	retry.MaxDuration = toDuration(path+".backoff.maxDuration", r.Backoff.MaxDuration, found)
	if r.Backoff.Factor != nil {
		if retry.Factor = *r.Backoff.Factor; retry.Factor < 1 {
			found.add("%s.backoff.factor is %d: it has to be 1 or more", path, retry.Factor)
			retry.Factor = 0
		}
	}
	return retry
}

// toDuration reads a duration such as "1m30s"; a bare number is seconds, as in
// Argo CD.
func toDuration(path, text string, found *problems) time.Duration {
	if text == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(text); err == nil {
		text = strconv.Itoa(seconds) + "s"
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		found.add("%s is %q: it has to be a duration such as 30s or 5m", path, text)
		return 0
	}
	return duration
}

// FromRetry is the inverse of toRetry.
func FromRetry(r syncline.Retry) v1alpha1.RetryStrategy {
	retry := v1alpha1.RetryStrategy{Limit: r.Limit, Refresh: r.Refresh}
	backoff := v1alpha1.Backoff{Duration: fromDuration(r.Duration), MaxDuration: fromDuration(r.MaxDuration)}
	if r.Factor != 0 {
		backoff.Factor = &r.Factor
	}
	if backoff != (v1alpha1.Backoff{}) {
		retry.Backoff = &backoff
	}
	return retry
}

func fromDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
