package upstream

// Bucket says which objects of a bucket are meant, and how its server is spoken to. The
// zero value is no bucket. It is comparable.
//
// The [Address] of a bucket is "https://" or "http://", its server and its name. What lets
// in is a Repository's: Username and Password are the access key and the secret key. For
// BucketAzure, Username is the name of the account, by default the first part of the
// server's name, and Password its key or a shared access signature. For BucketGCP they are
// an HMAC key, unless there is a BearerToken or an [Exchange] of Google.
type Bucket struct {
	Provider BucketProvider
	// Region is where the bucket is. Default: what the server's name tells, or else the
	// server, where it minds.
	Region string
	// Prefix is what the keys of those objects begin with that are read. Keys are whole
	// paths all the same. Default: all objects are read.
	Prefix string
	// Ignore are patterns as in .gitignore, one a line, of objects that are not read. They
	// come after those of .sourceignore, and so before them. Default: none.
	Ignore string
}

// BucketProvider is the kind of server that has a bucket, as Flux names it.
type BucketProvider string

// The kinds of server.
const (
	// BucketGeneric is any server that speaks S3.
	BucketGeneric BucketProvider = "generic"
	// BucketAWS is Amazon S3.
	BucketAWS BucketProvider = "aws"
	// BucketGCP is Google Cloud Storage, by its XML API.
	BucketGCP BucketProvider = "gcp"
	// BucketAzure is Azure Blob Storage: a container of blobs.
	BucketAzure BucketProvider = "azure"
)

// IsZero reports whether it is no bucket.
func (b Bucket) IsZero() bool { return b == Bucket{} }
