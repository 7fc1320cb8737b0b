// SPDX-License-Identifier: MIT

// What tools/figures object measures object_pool against: a get and its put of Go's sync.Pool, of an object of 64 bytes.
// It is not part of cistern, and needs nothing but Go itself; where Go is not installed, its figures are skipped.
//
//	go test -bench . -cpu 1,2
package pools

import (
	"sync"
	"testing"
)

type object struct {
	bytes [64]byte
}

func newPool() *sync.Pool {
	return &sync.Pool{New: func() any { return new(object) }}
}

func BenchmarkPair(b *testing.B) {
	pool := newPool()
	for i := 0; i < b.N; i++ {
		pool.Put(pool.Get().(*object))
	}
}

// As many goroutines as -cpu says. Go divides the time by the pairs of all of them: two at full speed show half of what
// a pair takes each.
func BenchmarkPairParallel(b *testing.B) {
	pool := newPool()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			pool.Put(pool.Get().(*object))
		}
	})
}
