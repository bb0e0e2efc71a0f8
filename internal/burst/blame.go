package burst

import (
	"cmp"
	"fmt"

	"signalbox/internal/traffic"
)

// Blame is whose fault a burst seems: what its classes mean, judged by where it is.
type Blame struct {
	Domain string // caller, account, gateway, provider or network; empty where it cannot be told
	Why    string
}

// The fault domains, as the classes of failures name them.
const (
	domainCaller   = "caller"
	domainAccount  = "account"
	domainGateway  = "gateway"
	domainProvider = "provider"
	domainNetwork  = "network"
)

// suggest weighs what the classes say against the place. What fails at one provider, model or region while others
// behind the same gateway are clean is not the gateway; what fails at several providers at once is not a provider.
func suggest(p place, domains map[string]int64, answers []Answer) Blame {
	domain, most, all := "", int64(0), int64(0)
	for _, d := range []string{domainCaller, domainAccount, domainGateway, domainProvider, domainNetwork} {
		if all += domains[d]; domains[d] > most {
			domain, most = d, domains[d]
		}
	}
	class := fmt.Sprintf("%d of %d failures are of classes that mean the %s", most, all, domain)
	switch domain {
	case "":
		return Blame{}
	case domainCaller:
		if a := answerTo(answers, traffic.Caller); a.Extent == Isolated {
			class += "; " + a.Text
		}
		return Blame{domain, class}
	case domainAccount, domainNetwork:
		return Blame{domain, class + alone(p, answers)}
	}
	providers := answerTo(answers, traffic.Provider)
	gateways := answerTo(answers, traffic.Gateway)
	switch place := alone(p, answers); {
	case gateways.Extent == Isolated:
		return Blame{domainGateway, "gateway " + gateways.Value + ": " + gateways.Text}
	case place != "" && domain == domainProvider:
		return Blame{domainProvider, class + place}
	case place != "":
		return Blame{domainProvider, "the same gateway serves others well" + place}
	case providers.Extent == Widespread && providers.Failing > 1:
		return Blame{domainGateway, "providers fail together: " + providers.Text}
	case domain == domainGateway:
		return Blame{domain, class}
	}
	return Blame{"", cmp.Or(providers.Text, "no traffic tells its provider") + ": provider and gateway cannot be told apart"}
}

// alone names the part of the way upstream that fails while others beside it are clean, first what the scope names.
func alone(p place, answers []Answer) string {
	for _, named := range []bool{true, false} {
		for _, d := range []traffic.Dim{traffic.Provider, traffic.Region, traffic.Model, traffic.Deployment} {
			if a := answerTo(answers, d); a.Extent == Isolated && p.has(d) == named {
				return fmt.Sprintf("; %s %s: %s", a.Dim, a.Value, a.Text)
			}
		}
	}
	return ""
}
