package drill

import "slices"

// Deployment is one place that serves one model, with what an operator would
// write about it in an inventory. The gateway's log names only Name.
type Deployment struct {
	Name, Provider, Model, Region, Env string
}

// The two workloads that a client may claim in its x-workload header.
const (
	interactive = "interactive"
	batch       = "batch"
)

// fleetEnv is the environment of every deployment here.
const fleetEnv = "drill"

// deployments is the whole fleet, in the order in which it is shown.
func deployments() []Deployment {
	return []Deployment{
		{"azure-eu-west-gpt-4o", "azure", "gpt-4o", "eu-west", fleetEnv},
		{"azure-us-east-gpt-4o", "azure", "gpt-4o", "us-east", fleetEnv},
		{"openai-gpt-4o", "openai", "gpt-4o", "us-east", fleetEnv},
		{"azure-eu-west-gpt-4o-mini", "azure", "gpt-4o-mini", "eu-west", fleetEnv},
		{"azure-us-east-gpt-4o-mini", "azure", "gpt-4o-mini", "us-east", fleetEnv},
		{"anthropic-claude-sonnet", "anthropic", "claude-sonnet", "us-east", fleetEnv},
		{"local-llama-3", "llama", "llama-3", "local", fleetEnv},
	}
}

// models are the names that a client may ask for, each once.
func models() []string {
	var names []string
	for _, d := range deployments() {
		if !slices.Contains(names, d.Model) {
			names = append(names, d.Model)
		}
	}
	return names
}

// chains says where a request goes when its model's own deployment failed and
// the model's fallback is on. Each step is another provider.
func chains() map[string][]string {
	return map[string][]string{
		"gpt-4o":        {"anthropic-claude-sonnet", "local-llama-3"},
		"gpt-4o-mini":   {"anthropic-claude-sonnet", "local-llama-3"},
		"claude-sonnet": {"openai-gpt-4o", "local-llama-3"},
		"llama-3":       {"azure-us-east-gpt-4o-mini"},
	}
}

// openaiShare is the percentage of gpt-4o requests that go to OpenAI directly,
// whatever the client's region.
const openaiShare = 35

// prefer orders a model's deployments for a client at home in region, best
// first; pin in [0,100) decides the share and is the same for a client's
// repeated request, so that a retry meets the same deployment.
func prefer(model, region string, pin int) []string {
	var home, away, direct []string
	for _, d := range deployments() {
		switch {
		case d.Model != model:
		case d.Provider == "openai":
			direct = append(direct, d.Name)
		case d.Region == region:
			home = append(home, d.Name)
		default:
			away = append(away, d.Name)
		}
	}
	if pin < openaiShare {
		return slices.Concat(direct, home, away)
	}
	return slices.Concat(home, away, direct)
}
