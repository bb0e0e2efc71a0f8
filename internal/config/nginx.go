package config

import "regexp"

// Nginx says how a gateway of kind nginx is written, tested and reloaded. Commands run in the configuration's folder;
// {instance} in them stands for the host of the instance.
type Nginx struct {
	File    string   // that Signalbox writes and nginx includes
	Base    string   // what it is without levers
	Test    []string // none: nginx -t
	Reload  []string // none: nginx -s reload
	Through []string // runs another command on the instance's machine
}

func nginx() object[Nginx] {
	words := some("words", text("a word", nil))
	return object[Nginx]{
		what: "nginx",
		fields: []field[Nginx]{
			key("file", "The file that Signalbox writes and nginx includes in its http block; begin with a copy of base.",
				text("a path", badPlainPath), func(x *Nginx, v string) { x.File = v }).required(),
			key("base", "What the file is without levers; Signalbox never writes it.",
				text("a path", badPlainPath), func(x *Nginx, v string) { x.Base = v }).required(),
			key("test", "The command that tests nginx's configuration, and its arguments; without it nginx -t.",
				words, func(x *Nginx, v []string) { x.Test = v }),
			key("reload", "The command that makes nginx take its configuration; without it nginx -s reload.",
				words, func(x *Nginx, v []string) { x.Reload = v }),
			key("through", "A command that runs cat, tee, mv, test and reload on the instance's machine, such as [ssh, -o, BatchMode=yes, \"{instance}\"]; without it they run here.",
				words, func(x *Nginx, v []string) { x.Through = v }),
		},
	}
}

// plainPath is a path that means the same with and without a shell: ssh puts one between.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./@%+=,-]*$`)

func badPlainPath(s string) (wrong, hint string) {
	if plainPath.MatchString(s) {
		return "", ""
	}
	return quote(s) + " is not a plain path", "letters, digits and _./@%+=,- only: it may pass a shell on the way"
}

func checkNginx(r *report, g *Gateway) {
	at, there := g.keys["nginx"]
	switch {
	case g.Kind == GatewayNginx && !there:
		r.add(g.At, "the gateway of kind nginx has no nginx", "add nginx: {file: ..., base: ...}")
	case g.Kind != GatewayNginx && there:
		r.add(at, "nginx belongs to kind nginx, not "+g.Kind, "")
	case there && g.Nginx.File == g.Nginx.Base && g.Nginx.File != "":
		r.add(at, "file and base are the same file", "base stays as it is; file is written")
	}
}
