package kube

import (
	"context"
	"net/http"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/reach"
	"github.com/syncline-io/syncline/internal/edge/kube/served"
)

// Options say how a Client is used. The zero value works.
type Options struct {
	// Timeout bounds each request but watches. Default 60 s, which is what the
	// API server itself allows.
	Timeout time.Duration
	// UserAgent names the program in audit logs. Default "syncline".
	UserAgent string
	// Scope is what of the cluster is looked at and delivered to.
	Scope Scope
	// Dialects are those whose Apps may own objects. Default: none, and nothing is taken
	// over but what kubectl applied.
	Dialects syncline.Dialects
}

// Client is one API server and the identity used against it. It is safe for
// concurrent use.
//
// Its errors have the kinds of package syncline: Denied for a refused
// authorization, NotFound, Conflict, Invalid for an object that the API server
// rejects, and Transient for whatever is expected to pass. Requests are not
// limited on this side; an answer 429 is repeated after the time it names.
type Client struct {
	config   *rest.Config
	dynamic  dynamic.Interface
	metadata metadata.Interface
	// plain sends requests whose answers are not read by client-go.
	plain    rest.Interface
	kinds    *served.Kinds
	http     *http.Client
	timeout  time.Duration
	scope    Scope
	reach    *reach.Reach
	dialects syncline.Dialects
}

// Connect prepares a Client. It sends no request, so the API server need not
// be there yet. The error is Invalid and says what is wrong with config.
func Connect(config *rest.Config, options Options) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's own flow control limits
	config.RateLimiter = nil
	config.WarningHandlerWithContext = rest.NoWarnings{}
	within := reach.New()
	config.Wrap(within.Wrap)
	config.UserAgent = options.UserAgent
	if config.UserAgent == "" {
		config.UserAgent = "syncline"
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "connect to the cluster at %s: %w", config.Host, err)
	}
	c := &Client{config: config, http: client, timeout: options.Timeout, scope: options.Scope, reach: within, dialects: options.Dialects}
	if c.timeout == 0 {
		c.timeout = time.Minute
	}
	if err := c.addClients(config); err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "connect to the cluster at %s: %w", config.Host, err)
	}
	return c, nil
}

// as returns a Client that is used as an identity. It shares the connections, and
// what is known of the kinds, which are nobody's.
func (c *Client) as(identity syncline.Identity) (*Client, error) {
	if identity.User == "" {
		return c, nil
	}
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: identity.User, Groups: identity.Groups}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "act as %s on the cluster at %s: %w", identity.User, config.Host, err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "act as %s on the cluster at %s: %w", identity.User, config.Host, err)
	}
	return &Client{
		config: config, dynamic: objects, metadata: c.metadata, plain: c.plain, kinds: c.kinds, http: client, timeout: c.timeout,
		scope: c.scope, reach: c.reach, dialects: c.dialects,
	}, nil
}

// Within returns the cluster of which no more is looked at and delivered to than a scope.
// It shares the connections.
func (c *Client) Within(scope Scope) *Client {
	within := *c
	within.scope = scope
	return &within
}

// addClients makes the clients, which share one connection.
func (c *Client) addClients(config *rest.Config) (err error) {
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, c.http); err != nil {
		return err
	}
	if c.metadata, err = metadata.NewForConfigAndClient(config, c.http); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfigAndClient(config, c.http)
	if err != nil {
		return err
	}
	c.plain, c.kinds = client.RESTClient(), served.New(client)
	return nil
}

// Close ends the idle connections. The Client may be used again.
func (c *Client) Close() {
	closeIdle := func() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }
	closeIdle()
	time.AfterFunc(time.Second, closeIdle) // one whose last request was just given up is not idle for a moment
}

// bounded returns a context for one request that is not a watch.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}
