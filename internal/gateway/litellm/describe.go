package litellm

import "signalbox/internal/gateway"

// Describe says what the companion offers, or the database where the last reading found one and no companion.
func (d *Driver) Describe() gateway.Description {
	desc := d.Driver.Describe()
	desc.Kind = Kind
	d.mu.Lock()
	native := d.native
	d.mu.Unlock()
	if native {
		desc.Abilities = Database().Abilities
		return desc
	}
	for i, a := range desc.Abilities {
		desc.Abilities[i] = companion(a)
	}
	return desc
}

// companion puts what is special about the companion into the ability of the contract.
func companion(a gateway.Ability) gateway.Ability {
	if a.Fitness == gateway.Impossible {
		return a
	}
	a.Delay = "none; every worker of a host follows at its next request, and each pod is an instance"
	switch a.Verb {
	case gateway.CapSet, gateway.CapLift:
		a.Excess = gateway.ExcessOverflow
		a.Why = "counted over all workers of a host; the excess goes to other deployments of the model, then to its fallback, else it gets 429; Linux only"
	case gateway.TargetOut, gateway.TargetIn:
		a.Why = "the router passes it over; with all deployments of a model out, its fallback serves"
	case gateway.WorkloadPause, gateway.WorkloadResume, gateway.ShedSet, gateway.ShedLift:
		a.Excess = gateway.ExcessRejected
		a.Why = "429 with Retry-After, for requests that name their workload (metadata.workload or the header x-workload)"
	case gateway.FallbackOn, gateway.FallbackOff:
		a.Why = "of models for which LiteLLM has a fallback"
	case gateway.RouteForce, gateway.RouteUnforce:
		a.Why = "to a deployment of the same model or of another; its fallback stays"
	case gateway.RetrySet, gateway.RetryReset:
		a.Why = "for every request, in place of the router's num_retries and timeout"
	case gateway.BreakerOpen, gateway.BreakerReset:
		return gateway.Ability{Verb: a.Verb, Fitness: gateway.Impossible, Why: noBreaker}
	case gateway.DegradeOn, gateway.DegradeOff:
		return gateway.Ability{Verb: a.Verb, Fitness: gateway.Impossible, Why: noDegrade}
	}
	return a
}

const (
	noBreaker = "LiteLLM's cool-downs cannot be set. Nearest: target.out"
	noDegrade = "LiteLLM has no fixed answer. Nearest: route.force to a cheaper model, or workload.pause"
)

// Database describes a proxy that has a database and no companion: its own admin calls, which have neither lock nor deadline.
func Database() gateway.Description {
	able := map[gateway.Verb]gateway.Ability{
		gateway.TargetOut: {
			Fitness: gateway.Native, Dims: []string{"deployment"},
			Why: "/model/block, for deployments that are stored in the database, not those of the configuration file; the router passes it over; " +
				"with all deployments of a model out its requests get 403 at once, and no fallback",
		},
		gateway.FallbackOn: {
			Fitness: gateway.Native, Dims: []string{"model"},
			Why: "/fallback, the general one; those for context windows and content policies stay, and so does one for \"*\"; " +
				"from then on the database's list stands in place of the configuration file's; it rewrites all router settings from what it reads, so of two who edit them at once one loses",
		},
		gateway.WorkloadPause: {
			Fitness: gateway.Nearest, Dims: []string{"workload"}, Excess: gateway.ExcessRejected,
			Why: "/team/block or /key/block of the team or key that has the workload's name as its alias, with all that it sends: " +
				"401 without Retry-After, which clients may take for a broken key; a team's keys are served from memory for up to 60 s more",
		},
		gateway.CapSet: {
			Fitness: gateway.Nearest, Dims: []string{"workload"}, Excess: gateway.ExcessRejected,
			Why: "max_parallel_requests of the key that has the workload's name as its alias, 429 for what is over it, counted per process unless they share a Redis; " +
				"of a deployment LiteLLM takes and shows a new number while its workers go on with the one that they had, for up to 10 minutes; of a team it takes one and stores none; " +
				"rpm and tpm limits are rates, from which no number of requests at a time follows, and are left alone",
		},
	}
	never := map[gateway.Verb]string{
		gateway.ShedSet:     "LiteLLM refuses all or nothing of a key. Nearest: cap.set or workload.pause, or the companion",
		gateway.RouteForce:  "an alias of a model group is part of its router settings, which are written as a whole. Nearest: target.out, or the companion",
		gateway.RetrySet:    "retries are part of its router settings, which are written as a whole. Nearest: the companion",
		gateway.BreakerOpen: noBreaker,
		gateway.DegradeOn:   "LiteLLM has no fixed answer. Nearest: workload.pause",
	}
	desc := gateway.Description{Kind: Kind + " with a database"}
	for _, v := range gateway.Verbs() {
		a, ok := able[v]
		if !ok {
			a, ok = able[v.Opposite()]
		}
		if ok {
			a.Holder, a.Lock = gateway.HeldByConsole, "none"
			a.Delay = "the process that is asked at once; others read the database every 30 s, and keys and teams every 60 s"
		} else {
			a = gateway.Ability{Fitness: gateway.Impossible, Why: never[v] + never[v.Opposite()]}
		}
		a.Verb = v
		desc.Abilities = append(desc.Abilities, a)
	}
	return desc
}
