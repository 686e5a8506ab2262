package health

import "github.com/syncline-io/syncline"

func volumeClaim(o object) syncline.Health {
	switch phase := o.text("status", "phase"); phase {
	case "Bound":
		return healthy("")
	case "Lost":
		return degraded("The volume is lost")
	case "", "Pending":
		return progressing("Waiting for a volume")
	default:
		return syncline.Health{Status: syncline.Unknown, Message: "Phase " + phase}
	}
}

func namespace(o object) syncline.Health {
	if o.text("status", "phase") == "Terminating" {
		return progressing("Terminating")
	}
	return healthy("")
}

// apiService judges an APIService by whether its server answers.
func apiService(o object) syncline.Health {
	c := o.condition("Available")
	if c.is("True") {
		return healthy(c.text("message"))
	}
	if c == nil {
		return progressing("Waiting to become available")
	}
	return progressing("%s: %s", c.text("reason"), c.text("message"))
}

// definition judges a CustomResourceDefinition by whether its kind is served, in
// the words of Argo CD's check.
func definition(o object) syncline.Health {
	if len(o.list("status", "conditions")) == 0 {
		return progressing("Status conditions not found")
	}
	if c := o.condition("Terminating"); c.is("True") {
		return progressing("CRD is terminating: %s", c.text("message"))
	}
	if c := o.condition("NamesAccepted"); c.is("False") {
		return degraded("CRD names have not been accepted: %s", c.text("message"))
	}
	if c := o.condition("NonStructuralSchema"); c.is("True") {
		return degraded("Schema violations found: %s", c.text("message"))
	}
	c := o.condition("Established")
	switch {
	case c.is("True"):
		return healthy("CRD is healthy")
	case c.text("reason") == "InvalidCABundle":
		return degraded("CRD is not established: %s", c.text("message"))
	case c.text("reason") == "Installing":
		return progressing("CRD is being installed")
	default:
		return progressing("CRD is not established")
	}
}
