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

// definition judges a CustomResourceDefinition by whether its kind is served.
func definition(o object) syncline.Health {
	if c := o.condition("Terminating"); c.is("True") {
		return progressing("Terminating: %s", c.text("message"))
	}
	if c := o.condition("NamesAccepted"); c.is("False") {
		return degraded("The names are not accepted: %s", c.text("message"))
	}
	if c := o.condition("NonStructuralSchema"); c.is("True") {
		return degraded("The schema is not structural: %s", c.text("message"))
	}
	c := o.condition("Established")
	switch {
	case c.is("True"):
		return healthy("")
	case c.text("reason") == "InvalidCABundle":
		return degraded("Not established: %s", c.text("message"))
	default:
		return progressing("Waiting to be established")
	}
}
