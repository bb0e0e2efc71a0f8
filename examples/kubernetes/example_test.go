// Package kubernetes_test checks that what this folder says of itself is so.
package kubernetes_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestRoleOnlyReads: the account can see pods and their logs, and can do nothing else.
func TestRoleOnlyReads(t *testing.T) {
	b, err := os.ReadFile("rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type document struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
		Rules    []struct {
			APIGroups []string `yaml:"apiGroups"`
			Resources []string
			Verbs     []string
		}
		RoleRef struct{ Kind, Name string } `yaml:"roleRef"`
	}
	var kinds, can []string
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var doc document
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, doc.Kind)
		if doc.Metadata.Namespace == "" {
			t.Errorf("%s %s is not of one namespace", doc.Kind, doc.Metadata.Name)
		}
		if doc.Kind == "RoleBinding" && (doc.RoleRef.Kind != "Role" || doc.RoleRef.Name != "signalbox-logs") {
			t.Errorf("the account is bound to %s %s", doc.RoleRef.Kind, doc.RoleRef.Name)
		}
		for _, r := range doc.Rules {
			for _, v := range r.Verbs {
				can = append(can, v+" "+strings.Join(r.Resources, "+")+strings.Join(r.APIGroups, "+"))
			}
		}
	}
	if want := []string{"ServiceAccount", "Role", "RoleBinding"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %q, want %q", kinds, want)
	}
	if want := []string{"get pods", "list pods", "get pods/log"}; !slices.Equal(can, want) {
		t.Errorf("the account can %q, want %q", can, want)
	}
}
