package runbook

import "testing"

func TestStepsAreNamedToPeople(t *testing.T) {
	for title, want := range map[string]string{
		"5. Validate outputs": "5. Validate outputs",
		"3c) Look again":      "3c) Look again",
		"Step 2: Drain":       "Step 2: Drain",
		"1.2. Open it":        "1.2. Open it",
		"Step 4":              "Step 4",
		"Escalate":            "step 11, Escalate",
		"502 and 524":         "step 11, 502 and 524",
		"24h later":           "step 11, 24h later",
		"":                    "step 11",
	} {
		if got := StepLabel(11, title); got != want {
			t.Errorf("%q is named %q, want %q", title, got, want)
		}
	}
	for title, want := range map[string]string{"5. Validate": "5", "3c) Look": "3c", "step 2: x": "2", "Validate": "", "502 and 524": ""} {
		if got := OwnNumber(title); got != want {
			t.Errorf("the number of %q is %q, want %q", title, got, want)
		}
	}
}
