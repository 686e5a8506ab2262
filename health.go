package syncline

// HealthStatus is one word about an object's or an App's health, as in Argo CD.
type HealthStatus string

// The health statuses. NoHealth means that nothing is known to judge the object
// by, and that it does not count.
const (
	NoHealth    HealthStatus = ""
	Healthy     HealthStatus = "Healthy"
	Suspended   HealthStatus = "Suspended"
	Progressing HealthStatus = "Progressing"
	Missing     HealthStatus = "Missing"
	Degraded    HealthStatus = "Degraded"
	Unknown     HealthStatus = "Unknown"
)

// Health is a status and what it is concluded from.
type Health struct {
	Status  HealthStatus
	Message string
}

// HealthRule is a Lua script that judges the objects of a kind, in the dialect
// of Argo CD: it finds the object in the global obj, and returns a table with
// status and message.
type HealthRule struct {
	// Origin says for people which rule it is, such as "the health rule for
	// example.com/Widget in the ConfigMap argocd-cm".
	Origin string
	// Remedy says for people what to do when it fails.
	Remedy string
	Script string
	// OpenLibs gives the script the libraries of Lua that are not about the world
	// outside. Without, it has the basic ones and those of tables only.
	OpenLibs bool
}
