// Module shape measures the shape of the code: how long functions are, how much
// a package holds, who calls what. See docs/design/shape.md.
module github.com/syncline-io/syncline/tools/shape

go 1.26.5

require golang.org/x/tools v0.51.0

require (
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
)
