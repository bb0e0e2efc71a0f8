//go:build !race

package burst

// thrift divides the length of the long tests.
const thrift = 1
