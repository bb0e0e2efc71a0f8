package runbook

import (
	"regexp"
	"strings"
	"unicode"
)

// verbWords begin the sentences that tell somebody to do something.
const verbWords = " accept access acknowledge acquire act activate adapt add address adjust advise alert align allocate allow allowlist amend analyse analyze announce answer append apply approve archive arrange ask assemble " +
	"assess assign associate assume attach attempt audit authenticate authorize automate avoid await back backfill backup balance begin bind block boot bootstrap bounce break bring browse build bump bypass call cancel capture carry " +
	"catch change check cherry-pick choose clarify classify clean cleanup clear click clone close code collaborate collect combine comment commit communicate compare compile complete comply compose compute conduct configure confirm " +
	"connect consider consolidate construct consult contact contain continue convert coordinate copy correct correlate count cover craft create cross-check cross-reference customize cut deactivate debug decide declare decommission decrease " +
	"decrypt dedupe deduplicate define delegate delete demote deny deploy deprecate deprovision derive describe design destroy detach detect determine develop diagnose diff disable disallow discard disconnect discover discuss dismiss dispatch " +
	"distribute divert do document double-check download downgrade draft drain draw drive drop dump duplicate edit eject elevate eliminate email empty enable encourage encrypt end enforce engage enlist ensure enter enumerate eradicate escalate " +
	"establish estimate evacuate evaluate evict examine exclude execute exit expand expect expire explain explore export expose extend extract fail failover fall familiarize feed fetch file fill filter finalize find finish fix flag flip flush focus " +
	"follow force format forward freeze free gather generate get give go grab grant grep group guarantee guide halt handle harden have help hide highlight hit hold host identify ignore image implement import improve include incorporate increase index " +
	"inform inhibit initialise initialize initiate inject insert inspect install instruct integrate interview introduce invalidate investigate invite invoke involve isolate issue iterate join jump keep kick kill label launch lead leave let leverage limit " +
	"link list listen load locate lock log login logout look lower maintain make manage map mark match measure merge message migrate minimise minimize mirror mitigate modify monitor mount move mute name navigate negotiate never normalize note notify obtain " +
	"observe offboard offer onboard open operate optimize order organize orchestrate override own page pair parse participate pass paste patch pause perform persist pick pin ping place plan point poll populate post power prefer prepare present preserve press prevent " +
	"print prioritise prioritize proceed process produce profile promote prompt protect prove provide provision prune publish pull purge push put quarantine query quit raise re-apply re-check re-create re-deploy re-enable re-image re-import re-open re-run " +
	"re-sync reach read reapply reassess reassign rebalance reboot rebuild recalculate recall recheck reconcile reconfigure reconnect record recover recreate redeploy redirect redo reduce reenable reestablish refer refresh regenerate register reimage reimport " +
	"reindex reinstall reissue reject release reload relocate remediate remember remind remove rename render renew reopen repair repeat replace replay replicate reply report repopulate reproduce request require reroute rerun reschedule research reseed resend reserve " +
	"reset resize resolve respond restart restore restrict resubmit resume resync retain retest retire retrieve retrigger retry return reuse revalidate revert reverify review revise revoke rewrite rm roll rollback rollout rotate route run sanitize save say scale scan " +
	"schedule scope screenshot scroll search secure see select send separate serve set setup share shed shift ship shorten show shut shutdown sign silence simulate skip slow snapshot solicit sort specify spin split ssh stabilize stage start state stay step stop store " +
	"strip submit subscribe substitute sudo suggest summarise summarize supply support suspend swap switch sync synchronize tag tail taint take talk target tear tell terminate test throttle toggle touch trace track train transfer transition translate treat triage " +
	"trigger trim troubleshoot trust try tune turn type unblock uncheck uncomment uncordon understand undo uninstall unlock unmount unmute unpause unplug unregister unseal unset unsilence untaint update upgrade upload upscale upsert use utilize vacuum validate verify " +
	"view visit wait wake walk warn watch weigh whitelist wipe withdraw work wrap write zip "

// nounToo are the verbs that are as often names of things: "alert details", "test coverage", "log".
const nounToo = " access act address alert answer approach archive attempt audit back backup balance block boot bounce break build bypass call capture cause change check code comment commit contact copy count cover cut debug design document download draft draw dump " +
	"edit email end estimate escalate exit export extract fail failover feed file filter find fix flag flush focus force format forward free function group guide handle have help hit hold host image import increase index insert install interview invite issue join " +
	"jump keep label launch lead link list load lock log login look map mark match measure merge message mirror mount move name note offer open order own page patch pause pick pin ping place plan point poll post power present press process produce profile prompt " +
	"pull push put query raise reach read record release reload report request require research reset return review rollback rollout route run say scale scan schedule scope screenshot search see set setup share shift ship show shutdown sign snapshot sort split ssh stage " +
	"start state stay step stop store strip support swap switch sync tag tail target test throttle touch trace track train transfer trigger trust try tune turn type update upgrade upload use view visit wait walk watch work wrap "

// determiners follow a verb rather than a noun that is part of a name.
const determiners = " it them him her you me us a an the this that these those your our its their all any each every both if whether when until for to with from in into on out off up down back over no not only at least by and or which what who how where why more less another other new "

// leads may stand before the verb.
var leads = []string{
	"please ", "first, ", "first ", "second, ", "third, ", "then, ", "then ", "next, ", "next ", "finally, ", "finally ", "lastly, ", "now ", "now, ", "also ", "also, ", "always ", "never ", "again, ", "again ",
	"otherwise, ", "otherwise ", "alternatively, ", "alternatively ", "instead, ", "optionally, ", "optionally ", "just ", "simply ", "try to ", "be sure to ", "make sure to ", "do not ", "don't ", "don’t ", "and ", "or ", "to begin, ", "once done, ",
	"(optional) ", "optional: ", "optional - ", "[optional] ", "step: ", "action: ", "todo: ", "to do: ",
}

// orders are openings that tell somebody to do something without a verb of the list in front.
var orders = []string{
	"make sure", "be sure", "you should ", "you must ", "you need to ", "you will need to ", "you'll need to ", "you have to ", "you can ", "you may need to ", "you may want to ", "you might need to ", "we should ", "we need to ", "we must ", "we have to ",
	"be prepared", "be careful", "be aware", "beware", "let's ", "login ", "log in", "ssh ", "sign in", "double check",
}

var (
	lettered = regexp.MustCompile(`^(?:[^\pL\pN<$/"'(\[]+|\[[ xX]\]\s+|\(?[a-zA-Z0-9]{1,2}[.)]\s+|(?i:step|phase|task|action|stage)\s+[0-9]{1,2}[a-z]?\s*[:.)–—-]*\s+)+`)
	stepHead = regexp.MustCompile(`(?i)^\W{0,4}(step|task|action)\s+#?([0-9]{1,2}|[a-z])\b`)
	comma    = regexp.MustCompile(`^[^.;:!?]{2,80}?,\s+`)
	labelled = regexp.MustCompile(`^[^.:!?]{1,60}[.:?]\s+|^[^.:!?]{1,60}?\s[–—-]+\s+`)
)

// conditional tells a text that applies in some cases only.
func conditional(text string) bool {
	t := strings.ToLower(strings.TrimSpace(text))
	for _, w := range []string{"if ", "when ", "in case ", "in the case ", "in the event ", "only if ", "unless ", "optional", "(optional", "[optional", "should you ", "as a last resort"} {
		if strings.HasPrefix(t, w) {
			return true
		}
	}
	return false
}

// imperative tells whether a text begins by telling somebody to do something, after what may stand before it.
func imperative(text string) bool {
	t := plainStart(text)
	if conditional(t) {
		return true
	}
	for _, o := range orders {
		if strings.HasPrefix(t, o) {
			return true
		}
	}
	if verbFirst(t, false) {
		return true
	}
	for _, prep := range []string{"from ", "on ", "in ", "using ", "via ", "with ", "after ", "before ", "once ", "for ", "as ", "at ", "while ", "during ", "based on ", "depending ", "to ", "under ", "within ", "like ", "unlike ", "since ", "where ", "given "} {
		if strings.HasPrefix(t, prep) {
			if m := comma.FindString(t); m != "" {
				rest := t[len(m):]
				return verbFirst(rest, true) || strings.HasPrefix(rest, "you ") || strings.HasPrefix(rest, "please ") || strings.HasPrefix(rest, "we ")
			}
		}
	}
	return ordersAbroad(t)
}

// ordering tells whether an item tells somebody to do something, if need be behind a label of a few words:
// "Restore order. Pull the newest dump".
func ordering(text string) bool {
	if imperative(text) {
		return true
	}
	if m := labelled.FindString(text); m != "" {
		return orderBehind(text[len(m):])
	}
	return false
}

// orderBehind tells whether a sentence, or what stands behind a label, is an order. There "if" explains, unless an order follows it.
func orderBehind(text string) bool {
	if conditional(plainStart(text)) {
		when := comma.FindString(text)
		return when != "" && imperativeStrict(text[len(when):])
	}
	return imperativeStrict(text)
}

// imperativeStrict is imperative for a sentence somewhere in a text, or a heading: a word that is a noun as often
// must be followed by what follows a verb.
func imperativeStrict(text string) bool {
	t := plainStart(text)
	if conditional(t) {
		return true
	}
	for _, o := range orders {
		if strings.HasPrefix(t, o) && o != "you can " {
			return true
		}
	}
	return verbFirst(t, true) || ordersAbroad(t)
}

func plainStart(text string) string {
	t := strings.ToLower(strings.TrimSpace(text))
	if len(t) > 400 {
		t = strings.ToValidUTF8(t[:400], "")
	}
	t = strings.TrimSpace(t[len(lettered.FindString(t)):])
	for again := true; again; {
		again = false
		for _, lead := range leads {
			if rest, ok := strings.CutPrefix(t, lead); ok {
				t, again = strings.TrimSpace(rest), true
			}
		}
	}
	if word, rest, ok := strings.Cut(t, " "); ok && len(word) > 4 && (strings.HasSuffix(word, "ly") || strings.HasSuffix(word, "ly,")) && !strings.Contains(verbWords, " "+word+" ") {
		t = rest
	}
	return t
}

func verbFirst(t string, strict bool) bool {
	raw, rest, _ := strings.Cut(t, " ")
	word := strings.TrimFunc(raw, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' })
	if word == "" || strings.HasSuffix(raw, ":") || !strings.Contains(verbWords, " "+word+" ") {
		return false
	}
	noun := strings.Contains(nounToo, " "+word+" ")
	next, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	next = strings.Trim(next, ".,:;*'\"()")
	switch {
	case noun && (next == "is" || next == "are" || next == "was" || next == "has" || next == "of"):
		return false
	case noun && strict:
		return next != "" && (strings.Contains(determiners, " "+next+" ") || strings.HasPrefix(next, "`"))
	}
	return true
}

// toldWhom is what somebody has to do who reads: you and we, or what has to be done by nobody in particular. What a program or
// an author of other texts should do is told to them.
var toldWhom = regexp.MustCompile(`\b(you|we|i|one|someone|somebody|operators?|engineers?|admins?|administrators?|on-?call|sres?|team|whoever) (\w+ )?(should|must|need to|needs to|have to|has to)\b|` +
	`\b(should|must|needs? to|has to|have to) (\w+ )?be (\w+ )?\w+(ed|en|un|wn|set|put|run|cut)\b`)

// readMore is a sentence that sends to where more can be read: no step of a way.
var readMore = regexp.MustCompile(`(?i)^\W*(for (more|further|additional) [^.]*\b)?(see|refer to|read|consult)\b.*\b(for (more|further|additional)? ?(information|details?|reading|background)|to learn more)\W*$`)

// sentenceEnds makes all ends of sentences and lines one.
var sentenceEnds = strings.NewReplacer("\n", ". ", "。", ". ")

// tellsToAct looks for a sentence that tells somebody to do something.
func tellsToAct(text string) bool {
	lower := strings.ToLower(text)
	for _, w := range []string{"make sure", "please ", "be sure to"} {
		if strings.Contains(lower, w) {
			return true
		}
	}
	if toldWhom.MatchString(lower) || dueAbroad.MatchString(lower) {
		return true
	}
	if len(text) > 8<<10 {
		text = text[:8<<10]
	}
	for s := range strings.SplitSeq(sentenceEnds.Replace(text), ". ") {
		if (orderBehind(s) || orderWithNoun(s)) && !readMore.MatchString(s) {
			return true
		}
	}
	return false
}

// orderWithNoun tells a whole sentence that begins with a verb which could be a noun, and has no other verb:
// "Archive old repositories on the server", not "Archive size is 3 GB".
func orderWithNoun(s string) bool {
	t := " " + strings.TrimRight(plainStart(s), ". ") + " "
	if strings.Count(t, " ") < 5 || !verbFirst(strings.TrimSpace(t), false) {
		return false
	}
	for _, verb := range []string{" is ", " are ", " was ", " were ", " has ", " have ", " had ", " will ", " can ", " may ", " does ", " do ", " means ", " shows ", " contains ", "|", "=", ": "} {
		if strings.Contains(t, verb) {
			return false
		}
	}
	for _, w := range strings.Fields(t)[1:] {
		if strings.Contains(determiners, " "+w+" ") && w != "and" && w != "or" && w != "of" {
			return true
		}
	}
	return false
}

// directs tells a heading that says what to do: "Step 3", "Drain the node", "If the disk is full", "Draining nodes".
func directs(title string) bool {
	if strings.HasPrefix(plainStart(title), "when to use") {
		return false // it tells who reads on
	}
	if stepHead.MatchString(title) || stepAbroad.MatchString(title) || imperativeStrict(title) {
		return true
	}
	word, _, _ := strings.Cut(plainStart(title), " ")
	stem, ok := strings.CutSuffix(word, "ing")
	if !ok || len(stem) < 2 || stem == "troubleshoot" {
		return ok && stem == "troubleshoot"
	}
	for _, verb := range []string{stem, stem + "e", stem[:len(stem)-1]} {
		if strings.Contains(verbWords, " "+verb+" ") && !strings.Contains(" log logg monitor schedul pric meet train understand work process report", " "+stem) {
			return true
		}
	}
	return false
}

// foreign are frequent words of other languages that hardly stand in English text.
const foreign = " le les des et une est dans pour avec sur vous el los las una por para con que del der die das und ist nicht ein eine zu mit auf den sie il che di della per non sono os uma um não em com " +
	"и в на не для с по или het een van voor niet och att för med på "

// english tells whether the list of verbs means anything in a text: elsewhere only its shape counts.
func english(text string) bool {
	ours, theirs, words := 0, 0, 0
	for w := range strings.FieldsSeq(text) {
		if words++; words > 4000 {
			break
		}
		w = strings.ToLower(strings.Trim(w, ".,:;()*_`\""))
		switch w {
		case "the", "of", "to", "and", "is", "in", "for", "this", "if", "with", "be", "that", "are", "it", "or", "by", "from", "not", "you":
			ours++
		default:
			if len(w) > 1 && strings.Contains(foreign, " "+w+" ") {
				theirs++
			}
		}
	}
	wide := 0
	for _, r := range text[:min(len(text), 8000)] {
		if r >= 0x2E80 && unicode.IsLetter(r) { // scripts without spaces between words
			wide++
		}
	}
	return theirs < max(6, ours) && wide < 40
}
