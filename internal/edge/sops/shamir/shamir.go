// Package shamir puts a secret together again that was split by Shamir's scheme over
// GF(2⁸), as Vault and sops split: a share has a byte for each of the secret, and then
// the point at which it was taken.
package shamir

import "errors"

// maxShares is how many points there are beside 0, where the secret is.
const maxShares = 255

// Combine returns the secret of some shares. If they are too few, or one is of
// another secret, it is another.
func Combine(shares [][]byte) ([]byte, error) {
	if len(shares) < 2 || len(shares) > maxShares || len(shares[0]) < 2 {
		return nil, errors.New("the shares are too few, too many or empty")
	}
	size := len(shares[0]) - 1
	seen := map[byte]bool{}
	for _, share := range shares {
		if len(share) != size+1 {
			return nil, errors.New("the shares differ in length")
		}
		at := share[size]
		if at == 0 || seen[at] {
			return nil, errors.New("two shares are one, or one has no point")
		}
		seen[at] = true
	}
	secret := make([]byte, size)
	for i, share := range shares {
		weight := weightOf(shares, i)
		for at := range secret {
			secret[at] ^= multiply(share[at], weight)
		}
	}
	return secret, nil
}

// weightOf returns by what a share counts for the value at 0, by Lagrange's formula.
func weightOf(shares [][]byte, i int) byte {
	size := len(shares[i]) - 1
	own := shares[i][size]
	weight := byte(1)
	for j, other := range shares {
		if j != i {
			at := other[size]
			weight = multiply(weight, multiply(at, inverse(at^own)))
		}
	}
	return weight
}

// multiply is the product in the field of AES, by x⁸+x⁴+x³+x+1, in constant time.
func multiply(a, b byte) byte {
	var product byte
	for range 8 {
		product ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return product
}

// inverse is that of a number other than 0: its 254th power.
func inverse(a byte) byte {
	power := byte(1)
	for range 7 { // 254 is 0b11111110
		a = multiply(a, a)
		power = multiply(power, a)
	}
	return power
}
