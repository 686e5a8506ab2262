package bucket

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // what servers of buckets name objects by
	"crypto/sha1" //nolint:gosec // what servers of buckets are asked for may be this
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
)

// checksum is one that the server gives of an object.
type checksum struct {
	name string
	sum  hash.Hash
	want []byte
}

// nvme is the polynomial of CRC-64/NVME, reversed.
const nvme = 0x9a6c9329ac4bc9b5

// checksumsOf returns the checksums of the whole object that an answer gives. Those of the
// parts of which it was put together are none.
func checksumsOf(answer *http.Response, etag string) []checksum {
	var found []checksum
	add := func(name string, sum hash.Hash, want []byte) {
		if len(want) == sum.Size() {
			found = append(found, checksum{name, sum, want})
		}
	}
	decoded := func(text string) []byte {
		want, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil
		}
		return want
	}
	if digits, err := hex.DecodeString(etag); err == nil && tagIsMD5(answer.Header) {
		add("its entity tag, which is an MD5,", md5.New(), digits) //nolint:gosec // see above
	}
	add("Content-MD5", md5.New(), decoded(answer.Header.Get("Content-MD5"))) //nolint:gosec // see above
	for text := range strings.SplitSeq(strings.Join(answer.Header.Values("X-Goog-Hash"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
		switch name {
		case "md5":
			add("x-goog-hash md5", md5.New(), decoded(value)) //nolint:gosec // see above
		case "crc32c":
			add("x-goog-hash crc32c", crc32.New(crc32.MakeTable(crc32.Castagnoli)), decoded(value))
		}
	}
	if strings.EqualFold(answer.Header.Get("X-Amz-Checksum-Type"), "COMPOSITE") {
		return found
	}
	for name, sum := range map[string]hash.Hash{
		"x-amz-checksum-sha256": sha256.New(), "x-amz-checksum-sha1": sha1.New(), "x-amz-checksum-crc32": crc32.NewIEEE(), //nolint:gosec // see above
		"x-amz-checksum-crc32c": crc32.New(crc32.MakeTable(crc32.Castagnoli)), "x-amz-checksum-crc64nvme": crc64.New(crc64.MakeTable(nvme)),
	} {
		add(name, sum, decoded(answer.Header.Get(name)))
	}
	return found
}

var md5Form = regexp.MustCompile(`^[0-9a-f]{32}$`)

// tagIsMD5 reports whether an entity tag that looks like an MD5 is one: it is none of what
// the server encrypts by a key of its keeper or of the customer, and Google says the MD5
// elsewhere.
func tagIsMD5(head http.Header) bool {
	if !md5Form.MatchString(strings.Trim(head.Get("ETag"), `"`)) || head.Get("X-Goog-Hash") != "" {
		return false
	}
	by := head.Get("X-Amz-Server-Side-Encryption")
	return (by == "" || by == "AES256") && head.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") == ""
}

// verify holds what was read against a checksum.
func (c checksum) verify(key string) error {
	if bytes.Equal(c.sum.Sum(nil), c.want) {
		return nil
	}
	return failf(syncline.Transient, "object %s was changed on its way: %s is another", shownKey(key), c.name)
}
