// Package traffic is the vocabulary of what flows through a gateway: dimensions, keys, outcomes,
// records, counts, gauges and the batches that sources emit. It is pure: no I/O and no clock.
package traffic

import "strings"

// Dim is one dimension of traffic.
type Dim uint8

// The dimensions of a Key, in the order in which they are printed.
const (
	Env Dim = iota
	Gateway
	Instance
	Side // "client" (asked of the gateway) or "upstream" (asked of a provider, one per attempt)
	Provider
	Model // the asked one on the client side, the target's on the upstream side
	Region
	Deployment
	Endpoint
	Workload // interactive, batch or other
	Stream   // "true", "false"
	Caller   // an alias or team, never a key
	NumDims
)

var dimNames = [NumDims]string{
	"env", "gateway", "instance", "side", "provider", "model", "region", "deployment", "endpoint",
	"workload", "stream", "caller",
}

// String gives the dimension's name as checks, scopes and exports write it.
func (d Dim) String() string {
	if d >= NumDims {
		return "unknown"
	}
	return dimNames[d]
}

// ParseDim finds a dimension by name.
func ParseDim(name string) (Dim, bool) {
	name = strings.ToLower(name)
	for i, n := range dimNames {
		if n == name {
			return Dim(i), true
		}
	}
	return 0, false
}

// Dims lists all dimensions in print order.
func Dims() []Dim {
	all := make([]Dim, NumDims)
	for i := range all {
		all[i] = Dim(i)
	}
	return all
}

// The values of Side and Workload.
const (
	SideClient          = "client"
	SideUpstream        = "upstream"
	WorkloadInteractive = "interactive"
	WorkloadBatch       = "batch"
	WorkloadOther       = "other"
)
