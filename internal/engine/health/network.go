package health

import "github.com/syncline-io/syncline"

// service judges a Service: only one of type LoadBalancer waits for something.
func service(o object) syncline.Health {
	if o.text("spec", "type") != "LoadBalancer" {
		return healthy("")
	}
	return balanced(o)
}

func ingress(o object) syncline.Health { return balanced(o) }

// balanced judges whether a load balancer was given to the object.
func balanced(o object) syncline.Health {
	if len(o.list("status", "loadBalancer", "ingress")) == 0 {
		return progressing("Waiting for an address of a load balancer")
	}
	return healthy("")
}
